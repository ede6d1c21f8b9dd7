(function () {
  'use strict';
  var form = document.getElementById('filters');
  if (!form) return;
  var cases = Array.prototype.slice.call(document.querySelectorAll('.case'));
  var states = cases.map(function (c) { return c.getAttribute('data-states').split(' '); });
  var words = [], timer = 0;
  var rung = document.getElementById('by-rung'), outcome = document.getElementById('by-outcome');
  var layer = document.getElementById('by-layer'), text = document.getElementById('by-text');

  function fits(state) {
    if (state === '-') return false;
    if (outcome.value === 'right' && state !== 'r') return false;
    if (outcome.value === 'partly' && state !== 'p') return false;
    if (outcome.value === 'wrong' && state.charAt(0) !== 'w') return false;
    return !layer.value || state === 'w' + layer.value;
  }
  function textOf(i) {
    if (words[i] === undefined) words[i] = cases[i].textContent.toLowerCase();
    return words[i];
  }
  function filter() {
    var wanted = text.value.trim().toLowerCase(), shown = 0;
    var open = !rung.value && !outcome.value && !layer.value;
    cases.forEach(function (c, i) {
      var kept = open || (rung.value ? fits(states[i][+rung.value]) : states[i].some(fits));
      if (kept && wanted) kept = textOf(i).indexOf(wanted) >= 0;
      c.hidden = !kept;
      if (kept) shown += 1;
    });
    document.getElementById('found').textContent = shown + ' of ' + cases.length + (cases.length === 1 ? ' case' : ' cases');
  }
  function soon() { clearTimeout(timer); timer = setTimeout(filter, 150); }

  // Offsets count characters as Python does, not UTF-16 units: hence Array.from.
  function marked(source, spans) {
    var box = document.createElement('div'), letters = Array.from(source), at = 0;
    box.className = 'text';
    box.dir = 'auto';
    spans.sort(function (a, b) { return a[0] - b[0]; }).forEach(function (span) {
      var from = Math.max(span[0], at), to = Math.min(span[1], letters.length);
      if (to <= from) return;
      box.appendChild(document.createTextNode(letters.slice(at, from).join('')));
      var mark = document.createElement('mark');
      mark.textContent = letters.slice(from, to).join('');
      box.appendChild(mark);
      at = to;
    });
    box.appendChild(document.createTextNode(letters.slice(at).join('')));
    return box;
  }
  function fill(details) {
    details.querySelectorAll('li[data-passage]').forEach(function (item) {
      var source = document.querySelector('#p' + item.getAttribute('data-passage') + ' .text');
      if (!source || item.querySelector('.text')) return;
      var gold = item.getAttribute('data-gold');
      var spans = gold ? gold.split(',').map(function (s) { return s.split('-').map(Number); }) : [];
      item.appendChild(marked(source.textContent, spans));
    });
  }
  document.addEventListener('toggle', function (event) {
    if (event.target.open && event.target.classList.contains('shown')) fill(event.target);
  }, true);
  document.querySelectorAll('.shown[open]').forEach(fill);
  function follow() {
    var target = /^#case-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (target) { target.hidden = false; target.open = true; target.scrollIntoView(); }
  }
  window.addEventListener('hashchange', follow);
  form.addEventListener('submit', function (event) { event.preventDefault(); });
  [rung, outcome, layer].forEach(function (control) { control.addEventListener('change', filter); });
  text.addEventListener('input', soon);
  form.hidden = false;
  filter();
  follow();
})();
