// Without this file all pages work; it only reloads them now and then, when nobody is typing. Where
// the service does not answer it says so, and leaves what was there last.
"use strict";
const { seconds, dot } = document.currentScript.dataset;
setInterval(() => {
  const focused = document.activeElement;
  const typing = focused && focused.closest("form") !== null;
  const changed = [...document.querySelectorAll("input")].some((i) => i.value !== i.defaultValue);
  if (typing || changed || document.hidden) {
    return;
  }
  const asked = new Image();
  asked.onload = () => location.reload();
  asked.onerror = () => document.getElementById("away").hidden = false;
  asked.src = `${dot}?${Date.now()}`;
}, 1000 * seconds);
