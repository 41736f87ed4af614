'use strict';
// Sorting, filtering, zooming and what stands under the pointer. Without it the page says all the same.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const button = (label, name, act) => {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = label;
    if (name) made.setAttribute('aria-label', name);
    made.addEventListener('click', act);
    return made;
  };
  const seconds = (ms) => {
    const value = ms / 1000;
    return `${value.toFixed(value < 0.0995 ? 3 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} s`;
  };

  // A click on a column's heading sorts the table by it.
  const number = (text) => /^[−-]?[\d.](?!\d{3}-)/.test(text) ? parseFloat(text.replace('−', '-')) : NaN;
  const order = (one, other) => {
    const [a, b] = [number(one), number(other)];
    if (isNaN(a) && isNaN(b)) return one.localeCompare(other, 'en', { numeric: true });
    return (isNaN(a) ? -1 : a) - (isNaN(b) ? -1 : b);
  };
  for (const table of all('table.sort')) {
    const rows = all('tbody > tr:not(.more)', table);
    const homes = rows.map((row) => row.parentNode);
    // Links lead to groups of rows, which sorting takes apart.
    table.restore = () => rows.forEach((row, at) => homes[at].append(row));
    all('thead th:not(.axis)', table).forEach((heading, column) => {
      const words = heading.textContent;
      heading.replaceChildren(button(words, '', () => {
        const ascends = heading.getAttribute('aria-sort') !== 'ascending';
        all('[aria-sort]', table).forEach((other) => other.removeAttribute('aria-sort'));
        heading.setAttribute('aria-sort', ascends ? 'ascending' : 'descending');
        const text = (row) => row.cells[column].innerText.trim();
        const sorted = [...rows].sort((a, b) => (ascends ? 1 : -1) * order(text(a), text(b)));
        homes[0].append(...sorted);
      }));
    });
  }

  // Links open what is folded around their target.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.closest('table')?.restore?.();
    for (let fold = target.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  if (location.hash) reveal();
  addEventListener('beforeprint', () => all('details').forEach((fold) => { fold.open = true; }));

  // One box filters the steps of all samples.
  const place = document.getElementById('filter');
  if (place) {
    const box = document.createElement('input');
    box.type = 'search';
    box.placeholder = 'Filter steps: go build, linux/arm64, emulated';
    box.setAttribute('aria-label', 'Filter steps');
    const steps = all('.sample tbody tr:not(.more)');
    box.addEventListener('input', () => {
      const words = box.value.toLowerCase().split(/\s+/);
      const shown = (row) => words.every((word) => row.textContent.toLowerCase().includes(word));
      steps.forEach((row) => { row.hidden = !shown(row); });
      all('.sample').forEach((fold) => { fold.hidden = !fold.querySelector('tbody tr:not(.more):not([hidden])'); });
    });
    place.append(box);
  }

  // Waterfalls: buttons zoom the time axis, and the pointer tells the time.
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  for (const table of all('.waterfall')) {
    const whole = Math.max(1, Number(table.dataset.ms));
    const bars = all('.bar', table);
    const marks = all('.axis span', table);
    let [from, width] = [0, whole];
    const show = (start, length) => {
      width = Math.min(whole, Math.max(10, length));
      from = Math.min(whole - width, Math.max(0, start));
      bars.forEach((bar) => bar.setAttribute('viewBox', `${from} 0 ${width} 9`));
      marks.forEach((mark, at) => { mark.textContent = seconds(from + width * at / 2); });
    };
    const zoom = document.createElement('div');
    zoom.className = 'zoom';
    zoom.append(
      button('+', 'Zoom in', () => show(from + width / 4, width / 2)),
      button('−', 'Zoom out', () => show(from - width / 2, width * 2)),
      button('←', 'Earlier', () => show(from - width / 3, width)),
      button('→', 'Later', () => show(from + width / 3, width)),
      button('whole build', '', () => show(0, whole)),
    );
    table.closest('.scroll').before(zoom);
    const at = (event, bar) => {
      const box = bar.getBoundingClientRect();
      return from + width * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    table.addEventListener('pointermove', (event) => {
      const bar = event.target.closest('.bar');
      tip.hidden = !bar;
      if (!bar) return;
      const row = bar.closest('tr');
      tip.textContent = `${seconds(at(event, bar))}: ${row.cells[0].innerText}, ${row.querySelector('td:nth-last-child(2)').innerText}`;
      tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
      tip.style.top = `${event.clientY + 16}px`;
    });
    table.addEventListener('pointerleave', () => { tip.hidden = true; });
    // What is dragged over a bar becomes the whole axis; a double click takes it back.
    let begin = null;
    table.addEventListener('pointerdown', (event) => {
      const bar = event.target.closest('.bar');
      begin = bar && event.pointerType === 'mouse' ? { bar, time: at(event, bar) } : null;
    });
    addEventListener('pointerup', (event) => {
      const end = begin && at(event, begin.bar);
      if (begin && Math.abs(end - begin.time) > width / 50) show(Math.min(begin.time, end), Math.abs(end - begin.time));
      begin = null;
    });
    table.addEventListener('dblclick', (event) => { if (event.target.closest('.bar')) show(0, whole); });
  }
})();
