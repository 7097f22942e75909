"use strict";
// Draws the rows that a verdict and a search leave, some at a time; copies scripts; opens what is printed.
(() => {
  const root = document.querySelector(".gradtwin");
  const form = root.querySelector(".filter");
  const search = form.querySelector("input[type=search]");
  const body = root.querySelector(".rows tbody");
  const pager = root.querySelector(".pager");
  const [previous, next] = pager.querySelectorAll("button");
  const status = pager.querySelector("[role=status]");
  const size = Math.max(body.rows.length, 1);
  const total = Number(pager.dataset.checks);
  let first = 0;
  let found = null; // all of them
  let read = null;
  const data = () => (read ??= JSON.parse(document.getElementById("checks").textContent)); // not before it is asked for

  const add = (parent, tag, text, kind = "") => {
    const element = parent.appendChild(document.createElement(tag));
    element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };

  const makeRow = ([verdict, name, how, fraction, undecided, why, link]) => {
    const { verdicts, texts } = data();
    const row = document.createElement("tr");
    add(add(row, "td", ""), "span", verdicts[verdict], `${verdicts[verdict]} verdict`);
    const what = add(row, "td", "");
    if (link === null) what.textContent = name;
    else add(what, "a", name).href = `#mismatch-${link}`;
    add(what, "span", texts[how], "soft");
    if (texts[why]) add(what, "span", texts[why], "soft");
    add(row, "td", texts[fraction], "number");
    add(row, "td", texts[undecided], "number");
    return row;
  };

  const count = () => {
    const length = found ? found.length : total;
    const last = Math.min(first + size, length);
    const of = length === total ? "" : ` found, of ${total.toLocaleString("en")}`;
    status.textContent = `${length ? first + 1 : 0}–${last} of ${length.toLocaleString("en")}${of}`;
    previous.disabled = first === 0;
    next.disabled = last === length;
  };

  const show = (start) => {
    first = start;
    body.replaceChildren(...(found ?? data().rows).slice(first, first + size).map(makeRow));
    count();
  };

  const filter = () => {
    const { verdicts, texts, rows } = data();
    const wanted = verdicts.indexOf(form.elements.verdict.value);
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const lower = texts.map((text) => text.toLowerCase());
    found = rows.filter(([verdict, name, how, , , why]) => {
      if (wanted >= 0 && verdict !== wanted) return false;
      const all = words.length ? `${name.toLowerCase()} ${lower[how]} ${lower[why]}` : "";
      return words.every((word) => all.includes(word));
    });
    show(0);
  };

  const turn = (start) => {
    show(start);
    form.scrollIntoView({ block: "start" });
  };
  previous.addEventListener("click", () => turn(first - size));
  next.addEventListener("click", () => turn(first + size));
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = pager.hidden = false;
  count();

  for (const script of root.querySelectorAll(".script")) {
    const box = document.createElement("div");
    box.className = "copied";
    script.replaceWith(box);
    box.append(script);
    const button = add(box, "button", "Copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(script.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(script);
        button.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it with your keyboard";
      }
    });
  }

  // A link to a mismatch opens it, and print has all of them.
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target) target.closest("details")?.setAttribute("open", "");
    target?.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", reveal);
  reveal();
  addEventListener("beforeprint", () => {
    for (const details of root.querySelectorAll("details")) details.open = true;
  });
})();
