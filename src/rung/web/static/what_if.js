// Sliders beside the numbers, and the result drawn anew as they move. Without this script the form has a button.
(function () {
  'use strict';
  var form = document.getElementById('what-if');
  if (!form) return;
  var asked = 0, running = null, timer = 0;
  function query() {
    var all = new URLSearchParams();
    new FormData(form).forEach(function (value, name) { all.append(name, value); });
    return all;
  }
  function draw() {
    var mine = ++asked, all = query();
    if (running) running.abort();
    running = new AbortController();
    var shown = form.getAttribute('action') + '?' + all;
    all.append('part', '1');
    fetch(form.getAttribute('action') + '?' + all, { signal: running.signal, credentials: 'same-origin' })
      .then(function (response) {
        if (!response.ok) { location.assign(shown); return ''; }
        return response.text();
      })
      .then(function (text) {
        if (mine !== asked || !text) return;
        var fresh = new DOMParser().parseFromString(text, 'text/html').getElementById('result');
        if (fresh) document.getElementById('result').replaceWith(fresh);
        history.replaceState(null, '', shown);
      })
      .catch(function () {});
  }
  function soon() { clearTimeout(timer); timer = setTimeout(draw, 60); }
  form.querySelectorAll('input[data-low]').forEach(function (input) {
    var low = Number(input.dataset.low), high = Number(input.dataset.high), isLog = input.dataset.scale === 'log';
    var slider = document.createElement('input');
    slider.type = 'range';
    slider.min = 0; slider.max = 200; slider.step = 1;
    slider.setAttribute('aria-label', input.parentNode.firstChild.textContent.trim() + ', slider');
    function place() {
      var value = input.value === '' ? low : Math.min(high, Math.max(low, Number(input.value)));
      var share = isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
      slider.value = Math.round(share * 200);
    }
    place();
    slider.addEventListener('input', function (event) {
      var share = slider.value / 200;
      var value = isLog ? low * Math.pow(high / low, share) : low + share * (high - low);
      input.value = Number(value.toPrecision(2));
      event.stopPropagation();
      soon();
    });
    input.addEventListener('input', place);
    input.parentNode.after(slider);
  });
  form.addEventListener('input', soon);
  form.addEventListener('submit', function (event) { event.preventDefault(); draw(); });
})();
