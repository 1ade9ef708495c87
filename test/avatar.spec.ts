import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { BOUNDARY, form, FORM, gifOfFrames, photograph, picture, pngOfSize } from './support/images.js';
import { Answer, Member, TestApp } from './support/app.js';

const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-avatars-'));
const BASE = 'https://api.example/base';
const MAX_BYTES = 1024 * 1024;

let service: TestApp;

beforeAll(async () => {
  service = await TestApp.start({
    UPLOAD_FOLDER: folder,
    PUBLIC_BASE_URL: BASE,
    MAX_CONTENT_LENGTH: `${MAX_BYTES}`,
    ALLOWED_EXTENSIONS: 'jpg,JPEG,png,gif,svg',
  });
});
afterAll(async () => {
  await service.stopAndDrop();
  rmSync(folder, { recursive: true });
});

const send = (payload: Buffer | string, token: string | undefined, headers: Record<string, string> = FORM) =>
  service.request('POST', '/users/profile/avatar', { payload, headers, token });

const upload = (content: Buffer | string, filename: string, { access }: Member) =>
  send(form({ filename, content }), access);

const errorOf = ({ status, body }: Answer) => [status, body.error?.type];
const fieldsOf = ({ body }: Answer) => body.error.details.map(({ field }: { field: string }) => field);
const fileOf = (url: string) => path.join(folder, url.split('/').at(-1)!);

describe('POST /users/profile/avatar', () => {
  it('re-encodes the picture, stores it under a random name and answers with the profile', async () => {
    const member = await service.member();
    const answer = await upload(await picture('png'), 'me.PNG', member);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ id: member.id, email: member.email });
    expect(answer.body.profile_picture_url).toMatch(/^https:\/\/api\.example\/base\/uploads\/[0-9a-f]{32}\.webp$/);
    const stored = await sharp(readFileSync(fileOf(answer.body.profile_picture_url))).metadata();
    expect(stored).toMatchObject({ format: 'webp', width: 64, height: 64 });
    expect((await service.get('/users/profile', member.access)).body).toEqual(answer.body);
  });

  it('publishes the change without its value', async () => {
    const member = await service.member();
    await upload(await picture('png'), 'me.png', member);
    await service.delete('/users/profile/avatar', member.access);
    const events = await service.sql(
      `SELECT payload FROM outbox_events WHERE user_id = $1 AND event_type = 'user.updated' ORDER BY id`,
      [member.id],
    );
    const told = { payload: { updated_fields: ['profile_picture_url'] } };
    expect(events).toEqual([told, told]);
    const audit = await service.sql(
      `SELECT action, actor_id FROM audit_logs WHERE target_id = $1 AND action LIKE 'avatar.%' ORDER BY id`,
      [member.id],
    );
    const by = { actor_id: member.id };
    expect(audit).toEqual([
      { action: 'avatar.replaced', ...by },
      { action: 'avatar.removed', ...by },
    ]);
  });

  it('turns a photograph upright, shrinks it and removes its metadata', async () => {
    const large = await TestApp.start({ UPLOAD_FOLDER: folder });
    const member = await large.member();
    const original = await photograph();
    expect((await sharp(original).metadata()).exif!.toString('latin1')).toContain('Acme Phones');
    const answer = await large.request('POST', '/users/profile/avatar', {
      payload: form({ filename: 'IMG_1.jpeg', content: original }),
      headers: FORM,
      token: member.access,
    });
    await large.stop();
    const stored = readFileSync(fileOf(answer.body.profile_picture_url));
    const metadata = await sharp(stored).metadata();
    expect(metadata).toMatchObject({ format: 'webp', width: 768, height: 1024 });
    for (const kind of ['exif', 'xmp', 'icc', 'orientation']) expect(metadata).not.toHaveProperty(kind);
    // Whole words: the noise of a photograph may contain three letters by chance.
    for (const trace of ['EXIF', 'Acme Phones', 'Ada Example']) expect(stored.includes(trace)).toBe(false);
  });

  it('removes appended data and keeps transparency', async () => {
    const member = await service.member();
    const clear = await sharp({ create: { width: 8, height: 8, channels: 4, background: '#ff000080' } })
      .png()
      .toBuffer();
    const answer = await upload(Buffer.concat([clear, Buffer.from('<?php system($_GET[0]); ?>')]), 'a.php.png', member);
    const stored = readFileSync(fileOf(answer.body.profile_picture_url));
    expect(stored.toString('latin1')).not.toContain('php');
    expect((await sharp(stored).metadata()).hasAlpha).toBe(true);
  });

  it('keeps the first frame of an animation', async () => {
    const answer = await upload(gifOfFrames(2000), 'dance.gif', await service.member());
    expect(answer.status).toBe(200);
    expect((await sharp(readFileSync(fileOf(answer.body.profile_picture_url))).metadata()).pages).toBeUndefined();
  });

  it.each<[string, () => Promise<Buffer> | Buffer | string, string, number, string]>([
    ['a bomb of 2.5 gigapixels', () => pngOfSize(50_000, 50_000), 'a.png', 422, 'invalid_image'],
    [
      'an image that is cut off',
      async () => (await picture('jpeg', 600)).subarray(0, 900),
      'a.jpg',
      422,
      'invalid_image',
    ],
    ['an extension that is not allowed', () => picture('webp'), 'a.webp', 415, 'unsupported_media_type'],
    ['a name without an extension', () => picture('png'), 'png', 415, 'unsupported_media_type'],
    ['a PNG that calls itself JPEG', () => picture('png'), 'a.jpg', 415, 'unsupported_media_type'],
    ['a script that calls itself PNG', () => '<script>alert(1)</script>', 'a.png', 415, 'unsupported_media_type'],
    [
      'SVG, even where its extension is allowed',
      () => '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
      'a.svg',
      415,
      'unsupported_media_type',
    ],
    ['SVG in disguise', () => '<svg xmlns="http://www.w3.org/2000/svg"/>', 'a.png', 415, 'unsupported_media_type'],
    ['one byte too many', () => Buffer.alloc(MAX_BYTES + 1), 'a.png', 413, 'payload_too_large'],
    ['far too many', () => Buffer.alloc(5 * MAX_BYTES), 'a.png', 413, 'payload_too_large'],
    ['an empty file', () => '', 'a.png', 400, 'validation_failed'],
  ])('refuses %s and leaves no file', async (_, content, filename, status, type) => {
    const before = readdirSync(folder);
    expect(errorOf(await upload(await content(), filename, await service.member()))).toEqual([status, type]);
    expect(readdirSync(folder)).toEqual(before);
  });

  it('accepts a file of exactly the limit', async () => {
    const png = await picture('png');
    const padded = Buffer.concat([png, Buffer.alloc(MAX_BYTES - png.length)]);
    expect((await upload(padded, 'a.png', await service.member())).status).toBe(200);
  });

  it('names a part that is missing, unknown, duplicate or no file', async () => {
    const { access } = await service.member();
    const file = { filename: 'a.png', content: await picture('png') };
    for (const [field, payload] of [
      ['file', form()],
      ['file', form({ content: 'text' })],
      ['file', form({ filename: '', content: '' })],
      ['file', form(file, file)],
      ['title', form(file, { name: 'title', content: 'me' })],
      ['title', form({ name: 'title', content: 'me' }, file)],
      ['avatar', form({ ...file, name: 'avatar' })],
    ] as const) {
      const answer = await send(payload, access);
      expect([field, ...errorOf(answer)]).toEqual([field, 400, 'validation_failed']);
      expect(fieldsOf(answer)).toContain(field);
    }
  });

  it('answers 400 to a malformed form', async () => {
    const { access } = await service.member();
    const whole = form({ filename: 'a.png', content: await picture('png') });
    for (const [payload, type] of [
      [whole.subarray(0, whole.length - 60), FORM['content-type']],
      [whole.subarray(0, 50), FORM['content-type']],
      [whole, 'multipart/form-data'],
      [whole, 'multipart/form-data; boundary=another'],
      [`--${BOUNDARY}\r\n\r\n\r\n`, FORM['content-type']],
      [form({ name: '__proto__', content: 'x' }), FORM['content-type']],
    ] as const) {
      const { status } = await send(payload, access, { 'content-type': type });
      expect(status).toBe(400);
    }
  });

  it('answers 415 to another type, and to a form on another route', async () => {
    const { access } = await service.member();
    const payload = form({ filename: 'a.png', content: 'x' });
    expect(errorOf(await service.post('/users/profile/avatar', {}, access))).toEqual([415, 'unsupported_media_type']);
    expect(errorOf(await send('x', access, { 'content-type': 'image/png' }))).toEqual([415, 'unsupported_media_type']);
    expect((await service.request('POST', '/users/profile/avatar', { token: access })).status).toBe(415);
    const login = await service.request('POST', '/auth/login', { payload, headers: FORM });
    expect(errorOf(login)).toEqual([415, 'unsupported_media_type']);
  });

  it('checks the token before it reads the body', async () => {
    expect(errorOf(await send(form({ filename: 'a.svg', content: 'x' }), undefined))).toEqual([401, 'unauthenticated']);
  });
});
