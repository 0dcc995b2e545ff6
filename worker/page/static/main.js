'use strict';
/* Addresses to views; the search field and its key. */

let DATA = null;
const main = document.getElementById('main');
const find = document.getElementById('find');

async function show() {
  hideNote();
  const [, view, , rest] = /^#?([a-z]*)([/?]?)(.*)$/s.exec(location.hash) || [];
  for (const anchor of document.querySelectorAll('nav a')) {
    const own = anchor.hash === (view === 'call' || view === 'sessions' ? '#sessions' : view === 'pipeline' ? '#pipeline' : '#fleet');
    if (own) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
  main.printed = main.scrollToRow = null;
  if (LIVE.on) wanted(view || 'fleet', rest);
  if (view === 'call') await showCall(main, decodeURIComponent(rest));
  else if (view === 'sessions') showSessions(main, rest);
  else if (view === 'pipeline') showPipeline(main);
  else showFleet(main);
  if (view === 'sessions' && document.activeElement !== find) find.value = filterOf(rest).q;
}

/** A whole SID opens its call at once; anything else filters. */
function search() {
  const asked = find.value.trim(), { sid, call } = DATA.sessions;
  const at = asked.length >= 12 ? Math.max(sid.indexOf(asked), call.indexOf(asked)) : -1;
  if (at >= 0) { location.hash = `#call/${sid[at]}`; return; }
  if (LIVE.on && /^((VX|CA)[0-9a-f]{32}|call_[0-9a-z]{8,64})$/.test(asked)) { location.hash = `#call/${asked}`; return; }
  const now = location.hash.startsWith('#sessions') ? filterOf(location.hash.split('?')[1] || '') : filterOf('');
  const next = addressOf({ ...now, q: asked });
  if (location.hash === next) return;
  if (location.hash.startsWith('#sessions')) {
    history.replaceState(null, '', next);
    show();
  } else location.hash = next;
}

let waiting = null;
find.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(search, 80);
});
addEventListener('keydown', event => {
  const typing = event.target.closest('input, textarea, select');
  if (typing || event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === 'Escape' && event.target === find) find.blur();
    return;
  }
  if (event.key === '/') { event.preventDefault(); find.focus(); }
  if (event.key === 'f') location.hash = '#fleet';
  if (event.key === 's') location.hash = '#sessions';
  if (event.key === 'p') location.hash = '#pipeline';
});

/** Paper is light, and has more rows than a window. */
async function onPaper(printing) {
  document.documentElement.classList.toggle('paper', printing);
  if (DATA === null) return;
  if (printing && main.printed) main.printed();
  else if (!location.hash.startsWith('#call')) await show();
}
addEventListener('beforeprint', () => onPaper(true));
addEventListener('afterprint', () => onPaper(false));

const begun = document.getElementById('data') === null ? startLive() : unpacked('data').then(data => {
  DATA = data;
  const state = document.getElementById('state');
  state.textContent = `${data.source}${data.redacted ? ', redacted' : ''}; all times UTC`;
  if (data.title) document.title = `${data.title} – Voice Insights`;
  addEventListener('hashchange', show);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  return show();
});
begun.catch(error => {
  main.replaceChildren($('h1', { text: 'This page can’t be drawn' }), $('p', { class: 'sub', text: String(error) }));
});
