// A page on which work is under way is loaded anew now and then, unless somebody is writing on it.
(function () {
  'use strict';
  var part = document.querySelector('[data-again]');
  if (!part) return;
  setInterval(function () {
    var at = document.activeElement;
    if (document.hidden || (at && at.matches('input, textarea, select'))) return;
    window.location.reload();
  }, 1000 * Number(part.dataset.again));
})();
