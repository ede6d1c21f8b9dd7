// Draws the part of the page anew that a comparison changes. Without this script there is a link to look again.
(function () {
  'use strict';
  var now = document.getElementById('now');
  var says = document.getElementById('standing');
  if (!now || !window.EventSource) return;
  document.querySelectorAll('p[data-noscript]').forEach(function (part) { part.hidden = true; });
  var events = new EventSource(location.pathname.replace(/\/$/, '') + '/events');
  events.onmessage = function (message) {
    var got = JSON.parse(message.data);
    var fresh = new DOMParser().parseFromString(got.html, 'text/html').getElementById('now');
    if (!fresh) return;
    var scroll = document.querySelector('#now .scroll');
    var left = scroll ? scroll.scrollLeft : 0;
    var standing = got.shown[0], before = now.dataset.standing;
    if (!now.contains(document.activeElement) || standing !== before) {
      now.replaceWith(fresh);
      now = fresh;
      scroll = document.querySelector('#now .scroll');
      if (scroll) scroll.scrollLeft = left;
    }
    document.querySelectorAll('[data-when]').forEach(function (part) {
      part.hidden = !part.dataset.when.split(' ').some(function (word) { return got.shown.indexOf(word) >= 0; });
    });
    if (standing === before) return;
    says.textContent = standing;
    document.querySelectorAll('.notice').forEach(function (part) { part.hidden = true; });
    if (standing === 'ended' || standing === 'died') location.reload(); // links to the run, and its output, are new
  };
  events.onerror = function () {
    if (events.readyState === EventSource.CLOSED) says.textContent = 'The server does not answer any more: reload the page.';
  };
})();
