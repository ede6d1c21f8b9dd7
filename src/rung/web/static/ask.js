// Answers as they grow, two beside each other. Without this script the form shows both once they are whole.
(function () {
  'use strict';
  var form = document.getElementById('ask');
  if (!form || !window.fetch || !window.ReadableStream) return;
  var stop = form.querySelector('[data-stop]');
  var open = [];

  function turn(log, who, text) {
    var line = document.createElement('p');
    line.className = 'turn';
    line.dir = 'auto';
    var name = document.createElement('b');
    name.textContent = who + ': ';
    line.append(name, text);
    log.append(line);
  }

  async function one(side, question) {
    var select = form.elements[side];
    var pane = document.querySelector('[data-side="' + side + '"]');
    if (!select.value) return;
    var log = pane.querySelector('[data-log]');
    var title = pane.querySelector('[data-title]');
    pane.hidden = title.hidden = false;
    title.textContent = select.options[select.selectedIndex].textContent;
    turn(log, 'You', question);
    var growing = document.createElement('div');
    growing.className = 'text';
    growing.dir = 'auto';
    growing.setAttribute('aria-busy', 'true');
    var note = document.createElement('p');
    note.className = 'quiet small';
    note.setAttribute('role', 'status');
    log.append(note, growing);
    var body = new FormData();
    body.append('question', question);
    body.append('name', select.value);
    body.append('turns', form.elements[side + '_turns'].value);
    form.querySelectorAll('[name=groups]').forEach(function (box) {
      if (box.type === 'hidden' || box.checked) body.append('groups', box.value);
    });
    var control = new AbortController();
    open.push(control);
    try {
      var response = await fetch(form.dataset.stream, { method: 'POST', body: body, signal: control.signal });
      if (!response.ok) throw new Error('the server answered ' + response.status + ': load the page anew');
      var reader = response.body.getReader(), decoder = new TextDecoder(), rest = '';
      for (;;) {
        var part = await reader.read();
        if (part.done) break;
        rest += decoder.decode(part.value, { stream: true });
        var events = rest.split('\n\n');
        rest = events.pop();
        events.forEach(function (event) {
          var news = JSON.parse(event.replace(/^data: /, ''));
          note.textContent = news.note || '';
          if (news.piece) growing.append(news.piece);
          if (news.turns) form.elements[side + '_turns'].value = news.turns;
          if (news.card) {  // HTML of this server, escaped there
            var card = document.createElement('template');
            card.innerHTML = news.card;
            growing.replaceWith(card.content);
          }
        });
      }
    } catch (error) {
      growing.removeAttribute('aria-busy');
      turn(log, 'Ended', error.name === 'AbortError' ? 'you stopped it' : error.message);
    } finally {
      note.remove();
      open.splice(open.indexOf(control), 1);
      stop.hidden = open.length === 0;
    }
  }

  form.addEventListener('submit', function (event) {
    event.preventDefault();
    if (open.length) return;
    var field = form.elements.question, question = field.value.trim();
    if (!question) return;
    field.value = '';
    stop.hidden = false;
    one('left', question);
    one('right', question);
    field.focus();
  });
  form.elements.question.addEventListener('keydown', function (event) {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  stop.addEventListener('click', function () { open.slice().forEach(function (control) { control.abort(); }); });

  document.addEventListener('submit', async function (event) {
    var rated = event.target.closest('form[data-rate]');
    if (!rated) return;
    event.preventDefault();
    var body = new FormData(rated, event.submitter);
    var response = await fetch(rated.action, { method: 'POST', body: body });
    var note = document.createElement('p');
    note.className = response.ok ? 'quiet small' : 'error';
    note.setAttribute('role', 'status');
    note.textContent = response.ok ? 'Kept: the queue makes drafts of what is said.' : 'It was not kept: load the page anew.';
    (rated.closest('details') || rated).replaceWith(note);
  });
})();
