// Without this file all pages work; it only reloads them now and then, when nobody is typing.
"use strict";
setInterval(() => {
  const focused = document.activeElement;
  const typing = focused && focused.closest("form") !== null;
  const changed = [...document.querySelectorAll("input")].some((i) => i.value !== i.defaultValue);
  if (!typing && !changed && !document.hidden) {
    location.reload();
  }
}, 1000 * document.currentScript.dataset.seconds);
