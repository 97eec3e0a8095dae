// A file that is larger than one request goes in parts; without this script it goes as one, and has to be small.
"use strict";

for (const form of document.querySelectorAll("form[data-parts]")) {
  form.addEventListener("submit", (event) => {
    const file = form.elements.file.files[0];
    if (!file || file.size <= Number(form.dataset.part)) return;
    event.preventDefault();
    send(form, file);
  });
}

async function send(form, file) {
  const bar = form.querySelector("progress");
  const wrong = form.querySelector("[role=alert]");
  const button = form.querySelector("button");
  const size = Number(form.dataset.part);
  const parts = Math.ceil(file.size / size);
  bar.hidden = false;
  wrong.hidden = true;
  button.disabled = true;
  let upload = "";
  try {
    for (let number = 0; number < parts; number += 1) {
      const body = new FormData();
      body.append("csrf", form.elements.csrf.value);
      body.append("upload", upload);
      body.append("number", String(number));
      body.append("name", file.name);
      body.append("last", number === parts - 1 ? "1" : "0");
      body.append("file", file.slice(number * size, (number + 1) * size), "part");
      const answer = await once(form.dataset.parts, body);
      const said = await answer.json();
      if (!answer.ok) throw new Error(said.wrong || "");
      upload = said.upload;
      bar.value = Math.round((100 * (number + 1)) / parts);
    }
    window.location.assign(`/contacts/import/${encodeURIComponent(upload)}`);
  } catch (error) {
    wrong.textContent = error instanceof TypeError || error instanceof SyntaxError || !error.message
      ? wrong.dataset.lost : error.message;
    wrong.hidden = false;
    bar.hidden = true;
    button.disabled = false;
  }
}

// A part whose answer was lost is sent once more: it is taken once.
async function once(address, body) {
  try {
    return await fetch(address, { method: "POST", body });
  } catch {
    return fetch(address, { method: "POST", body });
  }
}
