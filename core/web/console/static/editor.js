// Shows while somebody types what the text becomes: picture, length, price, warnings. The server does the counting.
"use strict";

for (const form of document.querySelectorAll("form[data-editor]")) {
  const body = form.querySelector("textarea[name=body]");
  const picture = form.querySelector("[data-draft]");
  if (!body || !picture) continue;
  const part = (name) => picture.querySelector(`[data-draft-${name}]`);
  let waiting = 0;
  let asked = 0;

  const look = async () => {
    const mine = ++asked;
    const sent = new URLSearchParams({ csrf: form.elements.csrf.value, body: body.value, class: form.elements.class?.value || "transactional" });
    try {
      const answer = await fetch(form.dataset.editor, { method: "POST", body: sent });
      if (!answer.ok || mine !== asked) return;
      const draft = await answer.json();
      part("text").textContent = draft.text;
      part("count").textContent = draft.count;
      part("price").textContent = draft.price;
      part("used").textContent = draft.used;
      part("encoding").textContent = draft.encoding;
      part("bar").max = draft.room;
      part("bar").value = draft.units;
      part("trouble").textContent = draft.trouble;
      part("trouble").hidden = !draft.trouble;
      part("notes").replaceChildren(...draft.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
    } catch {
      // The line is away: the picture stays as it was.
    }
  };
  const soon = () => { window.clearTimeout(waiting); waiting = window.setTimeout(look, 250); };
  body.addEventListener("input", soon);
  form.elements.class?.addEventListener?.("change", soon);
}
