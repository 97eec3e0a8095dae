// The figure beside a slider follows the hand; the page itself works without.
"use strict";

for (const slider of document.querySelectorAll('.slider input[type="range"]')) {
  const shown = document.querySelector(`output[for="${slider.id}"]`);
  const decimals = Number(slider.dataset.decimals);
  slider.addEventListener("input", () => {
    shown.textContent = Number(slider.value).toLocaleString(document.documentElement.lang, {
      minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    });
  });
}
