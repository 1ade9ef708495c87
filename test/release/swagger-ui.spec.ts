import type { Browser, Locator, Page } from 'playwright-core';
import { TestApp } from '../support/app.js';
import { launchChromium, PictureFolder } from '../support/chromium.js';
import { describeWith } from '../support/environment.js';

const pictures = new PictureFolder();

describeWith('chromium', 'Swagger UI', () => {
  let service: TestApp;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    service = await TestApp.start();
    await service.app.listen(0, '127.0.0.1');
    const { port } = service.app.getHttpServer().address() as { port: number };
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`http://127.0.0.1:${port}/docs`);
    await page.locator('.opblock').first().waitFor();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await service.stopAndDrop();
    pictures.remove();
  });

  const operation = (method: string, route: string) =>
    page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path="${route}"]`) });

  /** Opens the operation and sends what is filled in. @returns the status that the page shows */
  async function execute(block: Locator): Promise<string> {
    await block.locator('.opblock-summary').click();
    await block.getByRole('button', { name: 'Try it out' }).click();
    await block.getByRole('button', { name: 'Execute' }).click();
    const status = block.locator('.live-responses-table .response .response-col_status');
    return (await status.first().textContent())!.trim();
  }

  const picture = (name: string) => page.screenshot({ path: pictures.file(`swagger-${name}`) });

  it('shows the groups of routes in the order of use', async () => {
    const { tags } = (await service.get('/docs-json')).body;
    const shown = await page
      .locator('.opblock-tag')
      .evaluateAll((found) => found.map((tag) => tag.getAttribute('data-tag')));
    expect(shown).toEqual(tags.map(({ name }: { name: string }) => name));
    expect(shown.slice(0, 2)).toEqual(['auth', 'profile']);
    await picture('overview');
  });

  it('registers a user and reads the profile, under the content security policy of the service', async () => {
    const register = operation('post', '/auth/register');
    expect(await execute(register)).toBe('201');
    expect(complaints).toEqual([]);
    expect(await service.sql('SELECT email FROM users')).toContainEqual({ email: 'user@example.com' });
    await register.scrollIntoViewIfNeeded();
    await picture('register');
    const answer = await register
      .locator('.live-responses-table .response-col_description .highlight-code')
      .first()
      .textContent();
    const [, token] = /"access_token": "([^"]+)"/.exec(answer!)!;
    await page.locator('.auth-wrapper .authorize').first().click();
    await page.locator('.auth-container input').first().fill(token!);
    await page.locator('.auth-btn-wrapper .authorize').first().click();
    await page.locator('.auth-btn-wrapper .btn-done').first().click();
    expect(await execute(operation('get', '/users/profile'))).toBe('200');
  });

  it('fills in nothing that deletes the account which its examples made', async () => {
    const erasure = operation('delete', '/users/profile');
    expect(await execute(erasure)).toBe('401');
    await erasure.scrollIntoViewIfNeeded();
    await picture('erase');
    expect(await service.sql('SELECT email FROM users')).toEqual([{ email: 'user@example.com' }]);
  });

  it('fills in no id of what it deletes', async () => {
    const { paths } = (await service.get('/docs-json')).body;
    const deleting = Object.entries<any>(paths).filter(([route, { delete: found }]) => found && route.includes('{id}'));
    expect(deleting.length).toBeGreaterThan(4);
    for (const [route] of deleting) {
      const block = operation('delete', route);
      await block.locator('.opblock-summary').click();
      await block.getByRole('button', { name: 'Try it out' }).click();
      const field = block.locator('tr[data-param-in="path"]').locator('input, select').first();
      expect([route, await field.inputValue()]).toEqual([route, '']);
    }
  });
});
