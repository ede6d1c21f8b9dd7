// Keys of the queue: each presses the link, the button or the summary that names it. Without this script those are there too.
(function () {
  'use strict';
  document.addEventListener('keydown', function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    var target = event.target;
    if (target.matches && target.matches('input, textarea, select')) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    if (!/^[a-z]$/.test(event.key)) return;
    var part = document.querySelector('[data-key="' + event.key + '"]');
    if (!part) return;
    event.preventDefault();
    part.click();
    if (part.tagName === 'SUMMARY') {
      var field = part.parentElement.open && part.parentElement.querySelector('textarea, input:not([type=hidden])');
      if (field) field.focus();
    }
  });
  // What is sent once is not sent twice.
  document.addEventListener('submit', function (event) {
    if (event.defaultPrevented) return;
    if (event.target.hasAttribute('data-sent')) { event.preventDefault(); return; }
    event.target.setAttribute('data-sent', '');
  });
  window.addEventListener('pageshow', function () {
    document.querySelectorAll('[data-sent]').forEach(function (form) { form.removeAttribute('data-sent'); });
  });
})();
