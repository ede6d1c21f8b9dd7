// What every page of the board has: nothing here is needed to use it.
(function () {
  'use strict';
  // Forms that filter send themselves when something in them changes; without this script they have a button.
  document.querySelectorAll('form[data-live]').forEach(function (form) {
    var timer = 0;
    form.querySelectorAll('[data-noscript]').forEach(function (part) { part.hidden = true; });
    function send() { form.requestSubmit(); }
    form.addEventListener('change', function (event) {
      if (event.target.type !== 'search' && event.target.type !== 'text') send();
    });
    form.addEventListener('input', function (event) {
      if (event.target.type !== 'search') return;
      clearTimeout(timer);
      timer = setTimeout(send, 300);
    });
  });
  // What asks first.
  document.addEventListener('submit', function (event) {
    var asks = event.submitter && event.submitter.getAttribute('data-confirm');
    if (asks && !window.confirm(asks)) event.preventDefault();
  });
})();
