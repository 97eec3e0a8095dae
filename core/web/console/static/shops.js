// Sliders in the place of lists, and buttons that put a piece into a text; without it lists and typing do the same.
"use strict";

for (const list of document.querySelectorAll("select[data-slider]")) {
  const label = document.querySelector(`label[for="${list.id}"]`);
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: list.options.length - 1, step: 1, value: list.selectedIndex, id: `${list.id}-slider` });
  const said = document.createElement("output");
  const row = Object.assign(document.createElement("div"), { className: "slider-row" });
  const say = () => {
    const words = list.options[slider.value].textContent;
    list.selectedIndex = slider.value;
    said.textContent = words;
    slider.setAttribute("aria-valuetext", words);
  };
  if (list.hasAttribute("aria-describedby")) slider.setAttribute("aria-describedby", list.getAttribute("aria-describedby"));
  said.setAttribute("for", slider.id);
  slider.addEventListener("input", say);
  row.append(slider, said);
  list.after(row);
  list.hidden = true;
  if (label) label.htmlFor = slider.id;
  say();
}

for (const button of document.querySelectorAll("button[data-insert]")) {
  const body = document.getElementById(button.dataset.into);
  button.hidden = false;
  button.addEventListener("click", () => {
    body.setRangeText(button.dataset.insert, body.selectionStart, body.selectionEnd, "end");
    body.focus();
    body.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

for (const one of document.querySelectorAll(".without-script")) one.hidden = true;
