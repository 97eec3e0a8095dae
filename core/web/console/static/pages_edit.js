// The telephone beside the words shows them as they are written; fields that the button does not need are hidden.
"use strict";

const form = document.querySelector("form[data-page]");
const screen = document.querySelector(".landing-screen");
const choice = form.querySelector("#f-action");

function shown(part, text) {
  for (const place of screen.querySelectorAll(`[data-part="${part}"]`)) place.textContent = text;
}

function followed() {
  for (const piece of form.querySelectorAll("[data-when]")) {
    piece.hidden = !piece.dataset.when.split(" ").includes(choice.value);
  }
  const first = form.querySelector("details[data-first]");
  for (const part of ["title", "text", "button", "sentence"]) {
    const field = first.querySelector(`[name$=".${part}"]`);
    if (field) shown(part, field.value);
  }
  let button = screen.querySelector('[data-part="button"]');
  if (!button) {
    const line = document.createElement("p");
    button = document.createElement("span");
    button.className = "landing-button";
    button.dataset.part = "button";
    line.append(button);
    screen.append(line);
    button.textContent = first.querySelector('[name$=".button"]').value;
  }
  button.parentElement.hidden = choice.value === "none";
  const tick = screen.querySelector(".landing-tick");
  if (tick) tick.hidden = choice.value !== "join";
}

form.addEventListener("input", followed);
choice.addEventListener("change", followed);
followed();
