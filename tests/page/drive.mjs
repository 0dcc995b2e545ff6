// Drives a browser for a test: a JSON line on standard input is one thing to do, a JSON line on
// standard output what came of it. Arguments: the folder of Node packages, the browser.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [, , packages, executablePath] = process.argv;
const load = createRequire(`${packages}/`);
const { chromium } = load('playwright-core');
const axe = readFileSync(load.resolve('axe-core/axe.min.js'), 'utf-8');

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
let page = null;
let noted = { requests: [], console: [] };

const actions = {
  async open({ url, scheme = 'light', width = 1440, height = 900 }) {
    if (page) await page.context().close();
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height }, timezoneId: 'America/New_York', acceptDownloads: true });
    page = await context.newPage();
    page.setDefaultTimeout(20000);
    noted = { requests: [], console: [] };
    page.on('request', request => noted.requests.push(request.url()));
    page.on('console', message => noted.console.push(message.text()));
    page.on('pageerror', error => noted.console.push(String(error)));
    await page.goto(url);
    await page.waitForSelector('#main h1');
  },
  async go({ hash, wait = '#main h1' }) {
    await page.evaluate(to => { location.hash = to; }, hash);
    await page.waitForTimeout(150);
    await page.waitForSelector(wait);
  },
  evaluate: ({ code }) => page.evaluate(code),
  async until({ code, seconds }) {
    for (let left = seconds * 10; !(await page.evaluate(code)); left--) {
      if (left <= 0) throw new Error(`still not so: ${code}`);
      await page.waitForTimeout(100);
    }
  },
  click: ({ selector }) => page.click(selector),
  hover: ({ selector }) => page.hover(selector),
  fill: async ({ selector, text }) => {
    await page.fill(selector, text);
    await page.waitForTimeout(200);
  },
  press: async ({ key }) => {
    await page.keyboard.press(key);
    await page.waitForTimeout(150);
  },
  drag: async ({ from, to }) => {
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 4 });
    await page.mouse.up();
  },
  screenshot: ({ path, full = true }) => page.screenshot({ path, fullPage: full }),
  pdf: async ({ path }) => { await page.pdf({ path, preferCSSPageSize: true }); },
  media: ({ media }) => page.emulateMedia({ media }),
  async axe() {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    return violations.map(one => ({ id: one.id, impact: one.impact, nodes: one.nodes.map(node => node.html.slice(0, 160)) }));
  },
  noted: () => noted,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await actions[name](rest)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
