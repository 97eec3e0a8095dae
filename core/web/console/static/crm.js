// Shows at once what another field, record or text gives. Without it the button does so.
"use strict";

for (const form of document.querySelectorAll("form[data-reads]")) {
  const shown = form.querySelector("[data-read]");
  if (!shown) continue;
  let asked = 0;

  form.addEventListener("change", async (event) => {
    if (event.target.name === "search") return;
    const mine = ++asked;
    const sent = new URLSearchParams([...new FormData(form), ["try", "1"]]);
    try {
      const answer = await fetch(form.action, { method: "POST", body: sent });
      if (!answer.ok || mine !== asked) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const read = page.querySelector("[data-read]");
      if (read) shown.replaceChildren(...read.childNodes);
    } catch {
      // The line is away: the record stays as it was, and the button is still there.
    }
  });
}
