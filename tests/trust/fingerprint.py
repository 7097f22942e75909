"""What of a process's state a check could change: each part by name, and how another value would look."""

from __future__ import annotations

import builtins
import decimal
import gc
import logging
import os
import random
import signal
import sys
import threading
import warnings

import keras
import numpy as np
import tensorflow as tf
from hypothesis import configuration
from tensorflow.python.eager import context
from tensorflow.python.framework import config
from tensorflow.python.ops import stateful_random_ops
from threadpoolctl import threadpool_info, threadpool_limits

from gradtwin.comparisons.checks import gradient as check

#: Modules that have a name for NumPy, those of the tests among them.
MODULES = [name for name, module in list(sys.modules.items()) if "np" in getattr(module, "__dict__", {})]


def open_files():
    """Return what the descriptors lead to; that of the listing itself is among them each time."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            found[name] = "the listing"
    return sorted(found.values())


def tensorflow_seed():
    """Return the seed, and the state of what operations without one draw theirs from."""
    known = vars(context.context())
    return known["_seed"], known["_rng"].getstate() if "_rng" in known else None


def tensorflow_generator():
    generator = stateful_random_ops.global_generator
    return None if generator is None else generator.state.numpy().tolist()


#: Each part: how it is read.
PARTS = {
    "numpy.random": lambda: [np.asarray(x).tolist() for x in np.random.get_state()],
    "random": random.getstate,
    "tf.random seed": tensorflow_seed,
    "tf.random generator": tensorflow_generator,
    "numpy errors": np.geterr,
    "numpy error call": np.geterrcall,
    "numpy buffer": np.getbufsize,
    "print options": lambda: sorted(map(str, np.get_printoptions().items())),
    "warnings": lambda: (list(warnings.filters), warnings.showwarning),
    "decimal": lambda: str(decimal.getcontext()),
    "soft placement": tf.config.get_soft_device_placement,
    "tf threads": lambda: (
        tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads()
    ),
    "tf functions": tf.config.functions_run_eagerly,
    "tf determinism": config.is_op_determinism_enabled,
    "tf jit": tf.config.optimizer.get_jit,
    "tf32": tf.config.experimental.tensor_float_32_execution_enabled,
    "tf eager": tf.executing_eagerly,
    "tf synchronous": tf.config.experimental.get_synchronous_execution,
    "tf graph": lambda: id(tf.compat.v1.get_default_graph()),
    "tf strategy": lambda: id(tf.distribute.get_strategy()),
    "tf log level": lambda: tf.get_logger().level,
    "keras floatx": keras.config.floatx,
    "keras dtype policy": lambda: keras.config.dtype_policy().name,
    "keras epsilon": keras.config.epsilon,
    "keras image format": keras.config.image_data_format,
    "keras tracebacks": keras.config.is_traceback_filtering_enabled,
    "thread pools": lambda: sorted((p["filepath"], p["num_threads"]) for p in threadpool_info()),
    "threads": lambda: sorted(thread.name for thread in threading.enumerate()),
    "environment": lambda: dict(os.environ),
    "folder": os.getcwd,
    "path": lambda: list(sys.path),
    "mask": lambda: _umask(),
    "signals": lambda: {number: signal.getsignal(number) for number in signal.valid_signals()},
    "timer": lambda: signal.getitimer(signal.ITIMER_REAL)[1],
    "files": open_files,
    "streams": lambda: (sys.stdin, sys.stdout, sys.stderr),
    "import": lambda: builtins.__import__,
    "hooks": lambda: (sys.excepthook, sys.gettrace(), sys.getprofile(), threading.excepthook),
    "switching": sys.getswitchinterval,
    "recursion": sys.getrecursionlimit,
    "garbage": gc.isenabled,
    "logging": lambda: (logging.root.level, list(logging.root.handlers)),
    "hypothesis folder": lambda: vars(configuration)["__hypothesis_home_directory"],
    "modules' numpy": lambda: {name: id(vars(sys.modules[name])["np"]) for name in MODULES},
}  # fmt: skip


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def fingerprint():
    """Return the present value of every part."""
    return {name: read() for name, read in PARTS.items()}


def changes(before, after):
    """Return the parts that differ, and how."""
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}


def _setting(owner, name, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    return lambda: setattr(owner, name, before)


def _calling(change, *new):
    """Return what calls a setter with a new value, and then with the one before it."""

    def disturb():
        before = new[1]()
        change(new[0])
        return lambda: change(before)

    return disturb


def _changed_in_place(container, copy, change):
    def disturb():
        before = copy(container)
        change()

        def undo():
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(before)

        return undo

    return disturb


def _keep_open():
    file = open(os.devnull)  # noqa: SIM115
    return file.close


def _start_thread():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()

    def undo():
        ended.set()
        thread.join()

    return undo


def _enter(manager):
    def disturb():
        entered = manager()
        entered.__enter__()
        return lambda: entered.__exit__(None, None, None)

    return disturb


def _seed_tensorflow():
    known = vars(context.context())
    before = {name: known[name] for name in ("_seed", "_rng") if name in known}
    tf.random.set_seed(17)

    def undo():
        known.pop("_rng")
        known.update(before)

    return undo


def _make_generator():
    before = stateful_random_ops.global_generator
    stateful_random_ops.global_generator = tf.random.Generator.from_seed(3)
    return lambda: setattr(stateful_random_ops, "global_generator", before)


def _use_policy():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    return lambda: keras.config.set_dtype_policy(before)


def _filter_tracebacks():
    keras.config.disable_traceback_filtering()
    return keras.config.enable_traceback_filtering


#: Each part: what changes it, and returns what puts it back.
DISTURB = {
    "numpy.random": lambda: (lambda s: (np.random.seed(1), lambda: np.random.set_state(s))[1])(np.random.get_state()),
    "random": lambda: (lambda s: (random.random(), lambda: random.setstate(s))[1])(random.getstate()),
    "tf.random seed": _seed_tensorflow,
    "tf.random generator": _make_generator,
    "numpy errors": _enter(lambda: np.errstate(over="raise")),
    "numpy error call": _enter(lambda: np.errstate(call=print)),
    "numpy buffer": _calling(np.setbufsize, 4096, np.getbufsize),
    "print options": _enter(lambda: np.printoptions(precision=3)),
    "warnings": lambda: _setting(warnings, "filters", [("ignore", None, Warning, None, 7)]),
    "decimal": _enter(lambda: decimal.localcontext(prec=7)),
    "soft placement": _calling(tf.config.set_soft_device_placement, False, tf.config.get_soft_device_placement),
    "tf threads": lambda: _setting(context.context(), "_intra_op_parallelism_threads", 3),
    "tf functions": _calling(tf.config.run_functions_eagerly, True, tf.config.functions_run_eagerly),
    "tf determinism": lambda: (config.enable_op_determinism(), config.disable_op_determinism)[1],
    "tf jit": _calling(lambda on: tf.config.optimizer.set_jit("autoclustering" if on else False), True, lambda: False),
    "tf32": _calling(
        tf.config.experimental.enable_tensor_float_32_execution, False,
        tf.config.experimental.tensor_float_32_execution_enabled,
    ),
    "tf eager": _enter(lambda: tf.Graph().as_default()),
    "tf synchronous": _calling(
        tf.config.experimental.set_synchronous_execution, False, tf.config.experimental.get_synchronous_execution
    ),
    "tf graph": _enter(lambda: tf.Graph().as_default()),
    "tf strategy": _enter(lambda: tf.distribute.OneDeviceStrategy("/cpu:0").scope()),
    "tf log level": _calling(tf.get_logger().setLevel, 33, lambda: tf.get_logger().level),
    "keras floatx": _calling(keras.config.set_floatx, "float64", keras.config.floatx),
    "keras dtype policy": _use_policy,
    "keras epsilon": _calling(keras.config.set_epsilon, 0.5, keras.config.epsilon),
    "keras image format": _calling(
        keras.config.set_image_data_format, "channels_first", keras.config.image_data_format
    ),
    "keras tracebacks": _filter_tracebacks,
    "thread pools": lambda: threadpool_limits(1).restore_original_limits,
    "threads": _start_thread,
    "environment": _changed_in_place(os.environ, dict, lambda: os.environ.update(GRADTWIN_TEST="1")),
    "folder": _calling(os.chdir, "/", os.getcwd),
    "path": _changed_in_place(sys.path, list, lambda: sys.path.append("/nowhere")),
    "mask": _calling(os.umask, 0o77, _umask),
    "signals": _calling(
        lambda handler: signal.signal(signal.SIGUSR1, handler), print, lambda: signal.getsignal(signal.SIGUSR1)
    ),
    "timer": _calling(lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds, seconds), 999.0, lambda: 0.0),
    "files": _keep_open,
    "streams": lambda: _setting(sys, "stdin", None),
    "import": lambda: _setting(builtins, "__import__", lambda *args, **kwargs: _IMPORT(*args, **kwargs)),
    "hooks": lambda: _setting(sys, "excepthook", print),
    "switching": _calling(sys.setswitchinterval, 0.5, sys.getswitchinterval),
    "recursion": _calling(sys.setrecursionlimit, 12345, sys.getrecursionlimit),
    "garbage": lambda: (gc.disable(), gc.enable)[1],
    "logging": _calling(logging.root.setLevel, 33, lambda: logging.root.level),
    "hypothesis folder": lambda: (
        lambda before: (
            configuration.set_hypothesis_home_dir("/nowhere"), lambda: configuration.set_hypothesis_home_dir(before)
        )[1]
    )(vars(configuration)["__hypothesis_home_directory"]),
    "modules' numpy": lambda: _setting(check, "np", random),
}  # fmt: skip

_IMPORT = builtins.__import__
