// What makes pages nicer; without it everything works as well.
"use strict";

// A question before what cannot be undone.
document.addEventListener("submit", (event) => {
  const asked = event.target.dataset.confirm || (event.submitter && event.submitter.dataset.confirm);
  if (asked && !window.confirm(asked)) {
    event.preventDefault();
    return;
  }
  // A second click on a slow line is not a second wish.
  const button = event.submitter;
  if (button && event.target.method === "post") {
    window.setTimeout(() => { button.disabled = true; button.setAttribute("aria-busy", "true"); }, 0);
  }
});

// Coming back by the browser's arrow finds the buttons as they were.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});

// Copies a key or an address.
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copies);
    await navigator.clipboard.writeText(field.value || field.textContent);
    button.textContent = button.dataset.copied;
  });
}

// A menu that closes with Escape and gives the focus back.
for (const menu of document.querySelectorAll("details.menu")) {
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

// Choices that are sent as soon as they are made; their button is for those without scripts.
for (const form of document.querySelectorAll("form[data-at-once]")) {
  form.addEventListener("change", () => form.requestSubmit());
  for (const button of form.querySelectorAll(".without-script")) button.hidden = true;
}
