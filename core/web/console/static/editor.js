// Shows while somebody types what the text becomes: picture, length, price, warnings. The server does the counting.
"use strict";

// A form is one editor, or holds several: each with its text (`data-body`), its picture and its class.
for (const editor of document.querySelectorAll("[data-editor]")) {
  const form = editor.closest("form");
  const body = editor.querySelector("textarea[name=body], textarea[data-body]");
  const picture = editor.querySelector("[data-draft]");
  if (!body || !picture) continue;
  const part = (name) => picture.querySelector(`[data-draft-${name}]`);
  let waiting = 0;
  let asked = 0;

  const look = async () => {
    const mine = ++asked;
    const sent = new URLSearchParams({ csrf: form.elements.csrf.value, body: body.value, class: editor.dataset.class || form.elements.class?.value || "transactional" });
    try {
      const answer = await fetch(editor.dataset.editor, { method: "POST", body: sent });
      if (!answer.ok || mine !== asked) return;
      const draft = await answer.json();
      part("text").textContent = draft.text;
      part("count").textContent = draft.count;
      part("price").textContent = draft.price;
      part("used").textContent = draft.used;
      part("encoding").textContent = draft.encoding;
      if (part("bar")) {
        part("bar").max = draft.room;
        part("bar").value = draft.units;
      }
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
