// Forms that filter put their results into the page instead of opening another one, so that who types goes on typing.
(function () {
  'use strict';
  document.querySelectorAll('form[data-into]').forEach(function (form) {
    var latest = 0;
    form.addEventListener('submit', function (event) {
      var into = document.getElementById(form.getAttribute('data-into'));
      if (!into) return;
      event.preventDefault();
      var turn = (latest += 1), fields = new URLSearchParams();
      new FormData(form).forEach(function (value, name) { if (value) fields.append(name, value); });
      var address = form.action.split('?')[0] + (fields.toString() ? '?' + fields : '');
      fetch(address, { headers: { Accept: 'text/html' } }).then(function (response) { return response.text(); }).then(function (text) {
        if (turn !== latest) return;
        var other = new DOMParser().parseFromString(text, 'text/html').getElementById(into.id);
        if (!other) { location.href = address; return; }
        into.replaceChildren.apply(into, Array.prototype.slice.call(other.childNodes));
        history.replaceState(null, '', address);
      }).catch(function () { location.href = address; });
    });
  });
})();
