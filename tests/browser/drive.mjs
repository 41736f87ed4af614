// Opens pages in Chromium and says what is wrong with them: one line of JSON a page.
//
// node drive.mjs CHROMIUM PAGES.JSON, where that is a list of {file, axe, hostile}: in which of the
// LOOKS axe-core reads it, and which texts it must show as they are.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';

const [chromiumPath, list] = process.argv.slice(2);
// What scripts/browser installed lies elsewhere than this file.
const require = createRequire(`${process.env.BUILDRACE_BROWSER}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const WIDE = { width: 1400, height: 900 };
const NARROW = { width: 400, height: 800 };

// Themes and sizes. The first is the one in which a page is used, and nothing is wider than the second.
const LOOKS = [['light', WIDE], ['dark', NARROW], ['light', NARROW], ['dark', WIDE]];

const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
    '--disable-background-networking', '--disable-component-update',
  ],
});

// A page in a context of its own, with the network off.
async function open(file, problems, options) {
  const context = await browser.newContext({ offline: true, ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const address = pathToFileURL(file).href;
  page.on('request', (request) => {
    if (request.url().split('#')[0] !== address) problems.push(`it requests ${request.url()}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`script: ${error}`));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('popup', () => problems.push('it opens a window'));
  await page.goto(address);
  return page;
}

// Serious things that axe finds.
async function accessibility(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations
    .filter((violation) => ['serious', 'critical'].includes(violation.impact))
    .map((violation) => {
      const nodes = violation.nodes.slice(0, 3).map((node) => `${node.target}: ${node.failureSummary}`);
      return `axe ${violation.id}, ${violation.nodes.length} times: ${nodes.join('; ')}`;
    });
}

// What the page says of itself, as a browser understands it.
const structure = () => {
  const wrong = [];
  const links = [...document.querySelectorAll('a[href]')];
  for (const link of links) {
    const to = link.getAttribute('href');
    if (to.startsWith('#') && !document.getElementById(to.slice(1))) wrong.push(`no target ${to}`);
    if (!/^(#|https?:|\.\.?\/|[\w@-][\w@./-]*\.(html|xml)$)/.test(to)) wrong.push(`link to ${to}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  if (new Set(ids).size !== ids.length) wrong.push('an id is there twice');
  for (const element of document.querySelectorAll('*')) {
    for (const { name } of element.attributes) if (/^on/i.test(name)) wrong.push(`attribute ${name}`);
  }
  const strange = document.querySelectorAll('img, iframe, object, embed, form, base, foreignObject, meta[http-equiv=refresh]');
  if (strange.length) wrong.push(`element ${strange[0].outerHTML.slice(0, 80)}`);
  if (document.scripts.length !== 1) wrong.push(`${document.scripts.length} scripts`);
  if (document.querySelectorAll('style, link[rel=stylesheet]').length !== 1) wrong.push('further styles');
  return wrong;
};

// A click on a heading sorts, and another one the other way round.
async function sorting(page) {
  const wrong = [];
  await page.evaluate(() => { for (const fold of document.querySelectorAll('details:has(> .scroll)')) fold.open = true; });
  const tables = await page.locator('table.sort:not(.waterfall)').all();
  for (const table of tables) {
    const column = async () => table.locator('tbody tr').evaluateAll((rows, at) => rows.map((row) => row.cells[at].innerText.trim()), 0);
    const before = await column();
    const heading = table.locator('thead button').first();
    await heading.click();
    const up = await column();
    await heading.click();
    const down = await column();
    const sorted = [...before].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    if (JSON.stringify(up) !== JSON.stringify(sorted)) wrong.push(`sorted ${up}, not ${sorted}`);
    if (JSON.stringify(down) !== JSON.stringify(sorted.reverse())) wrong.push('not sorted the other way round');
  }
  if (!tables.length) wrong.push('no table to sort');
  return wrong;
}

// From a time to its samples, and from a sample to its steps, which are then filtered and zoomed.
async function following(page) {
  const wrong = [];
  const times = page.locator('#times a[href^="#cell-"]');
  if (await times.count() === 0) return ['no time leads to its samples'];
  await times.first().click();
  const group = page.locator('tbody:target');
  if (await group.count() !== 1) return ['a time does not lead to its samples'];
  const sample = group.locator('a').first();
  if (await sample.count() === 0) return wrong;
  await sample.click();
  const steps = page.locator('.sample[open]');
  if (!await steps.locator('table').isVisible()) return ['a sample does not lead to its steps'];
  const bar = steps.locator('.bar').first();
  const whole = await bar.getAttribute('viewBox');
  await steps.locator('button[aria-label="Zoom in"]').click();
  if (await bar.getAttribute('viewBox') === whole) wrong.push('a waterfall does not zoom');
  await bar.hover();
  if (!await page.locator('#tip').isVisible()) wrong.push('nothing is said of what is under the pointer');
  await page.locator('#filter input').fill('no step is called that');
  if (await steps.isVisible()) wrong.push('steps are not filtered');
  await page.locator('#filter input').fill('');
  if (!await steps.isVisible()) wrong.push('steps do not come back');
  return wrong;
}

// Texts that cannot be seen, folds opened as a reader opens them.
const unseen = () => {
  for (const fold of document.querySelectorAll('details')) fold.open = true;
  const hidden = [...document.querySelectorAll('main *, header *')].filter((element) => {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return own && !element.closest('svg') && !element.checkVisibility({ visibilityProperty: true });
  });
  return hidden.map((element) => `not seen: ${element.outerHTML.slice(0, 80)}`);
};

async function check({ file, hostile, several, axe: looks }) {
  const problems = [];
  const add = (found, where = '') => problems.push(...found.map((text) => `${where}${text}`));
  let page = await open(file, problems, { viewport: WIDE, colorScheme: 'light' });
  add(await page.evaluate(structure));
  if (looks.includes(0)) add(await accessibility(page), 'light, 1400 px: ');
  add(await sorting(page));
  if (!several) add(await following(page));
  if (hostile) {
    const text = await page.evaluate(() => document.documentElement.textContent);
    for (const name of hostile) if (!text.includes(name)) problems.push(`${name} is not shown`);
  }
  await page.emulateMedia({ media: 'print' });
  const folded = await page.evaluate(() => [...document.querySelectorAll('details > :not(summary)')]
    .filter((element) => element.getBoundingClientRect().height === 0 && !element.closest('[hidden]')).length);
  if (folded) problems.push(`${folded} folds are closed in print`);
  await page.context().close();

  for (const [look, [colorScheme, viewport]] of LOOKS.entries()) {
    if (look === 0 || !(look === 1 || looks.includes(look))) continue;
    page = await open(file, problems, { viewport, colorScheme });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > viewport.width) problems.push(`it is ${width} px wide on ${viewport.width}`);
    if (looks.includes(look)) add(await accessibility(page), `${colorScheme}, ${viewport.width} px: `);
    await page.context().close();
  }

  page = await open(file, problems, { viewport: WIDE, javaScriptEnabled: false });
  add(await page.evaluate(unseen), 'without script: ');
  if (await page.locator('button, input').count()) problems.push('without script: there is a control that does nothing');
  await page.context().close();
  return problems;
}

// A few at once: most of the time goes into waiting for the browser.
const entries = JSON.parse(readFileSync(list, 'utf8'));
const work = async () => {
  for (let entry = entries.shift(); entry; entry = entries.shift()) {
    const problems = await check(entry).catch((error) => [`it cannot be checked: ${error.stack}`]);
    console.log(JSON.stringify({ file: entry.file, problems }));
  }
};
await Promise.all([work(), work(), work()]);
await browser.close();
