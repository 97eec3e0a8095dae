// While somebody chooses conditions: only the fields that a condition asks for, and how many people meet them.
"use strict";

for (const form of document.querySelectorAll("form[data-segment]")) {
  const count = form.querySelector("[data-count]");
  const trouble = form.querySelector("[data-trouble]");
  let waiting = 0;
  let asked = 0;

  const look = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.dataset.segment, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (!answer.ok || mine !== asked) return;
      const said = await answer.json();
      count.textContent = said.count;
      trouble.textContent = said.trouble;
      trouble.hidden = !said.trouble;
    } catch {
      // The line is away: the number stays as it was.
    }
  };
  const soon = () => { window.clearTimeout(waiting); waiting = window.setTimeout(look, 300); };

  for (const row of form.querySelectorAll("[data-condition]")) {
    const [kind] = row.getElementsByTagName("select");
    const [name, word] = row.querySelectorAll("input");
    const fit = () => {
      const chosen = kind.selectedOptions[0];
      name.closest(".field").hidden = !("named" in chosen.dataset);
      word.closest(".field").hidden = !chosen.value || "wordless" in chosen.dataset;
    };
    kind.addEventListener("change", fit);
    fit();
  }
  form.addEventListener("input", soon);
  look();
}
