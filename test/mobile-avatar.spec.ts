import sharp from 'sharp';
import { type Answer, type Member, TestApp } from './support/app.js';
import { picture } from './support/images.js';

let service: TestApp;
let member: Member;
beforeAll(async () => {
  service = await TestApp.start();
});
beforeEach(async () => {
  member = await service.member();
});
afterAll(() => service.stopAndDrop());

const dataUrl = (bytes: Buffer, type = 'png') => `data:image/${type};base64,${bytes.toString('base64')}`;
const upload = (body: object | string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  service.request('POST', '/profile/avatar', {
    token: member.access,
    payload: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  });

/** Left half red, right half blue. */
const halves = async (width = 200, height = 100) =>
  sharp({ create: { width, height, channels: 3, background: '#f00' } })
    .composite([
      { input: { create: { width: width / 2, height, channels: 3, background: '#00f' } }, left: width / 2, top: 0 },
    ])
    .png()
    .toBuffer();

async function stored(url: string) {
  const { rawPayload } = await service.app.inject(new URL(url).pathname);
  const { data, info } = await sharp(rawPayload).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, middle: [...data.subarray(data.length / 2, data.length / 2 + 3)] };
}

describe('POST /profile/avatar', () => {
  it('stores what the app sends, cut to its crop', async () => {
    const { status, body } = await upload({
      image: dataUrl(await halves()),
      crop: { x: 120, y: 10, width: 60, height: 40, scale: 1.5, rotation: 0 },
      fileName: 'me.png',
      mimeType: 'image/png',
      size: 1234,
    });
    expect([status, body]).toEqual([201, { url: expect.stringContaining('/uploads/') }]);
    const { width, height, middle } = await stored(body.url);
    expect([width, height]).toEqual([60, 40]);
    expect(middle[2]).toBeGreaterThan(200);
    expect((await service.get('/profile', member.access)).body.avatarUrl).toBe(body.url);
  });

  it.each<[string, object, number, number, 'red' | 'blue']>([
    ['all of it', {}, 200, 100, 'red'],
    ['all of it, wherever it is moved to', { x: -0.25, y: 1, scale: 1, rotation: 0 }, 200, 100, 'red'],
    ['the centre', { scale: 2 }, 100, 50, 'red'],
    ['the left', { x: -1, scale: 2.5 }, 80, 40, 'red'],
    ['the right', { x: 1, y: 1, scale: 2.5 }, 80, 40, 'blue'],
    ['the bottom of the turned picture', { y: 1, scale: 2, rotation: 90 }, 50, 100, 'blue'],
  ])('cuts as the editor of the app says, whose width and height are 1: %s', async (_, crop, width, height, colour) => {
    const { status, body } = await upload({
      image: dataUrl(await halves()),
      crop: { x: 0, y: 0, width: 1, height: 1, ...crop },
    });
    expect(status).toBe(201);
    const result = await stored(body.url);
    expect([result.width, result.height]).toEqual([width, height]);
    expect(result.middle[colour === 'red' ? 0 : 2]).toBeGreaterThan(200);
  });

  it('turns the picture upright, then by the rotation, before it cuts', async () => {
    // Stored lying, to be shown turned by 90 degrees: 100 wide and 200 high, blue below. Turned once more: blue on the left.
    const lying = await sharp(await halves())
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { body } = await upload({
      image: dataUrl(lying, 'jpeg'),
      crop: { x: 0, y: 0, width: 80, height: 100, rotation: 90 },
    });
    const { width, height, middle } = await stored(body.url);
    expect([width, height]).toEqual([80, 100]);
    expect(middle[2]).toBeGreaterThan(200);
  });

  it('refuses to turn a long, thin picture, which then is mostly empty, before it decodes it', async () => {
    const line = await sharp({ create: { width: 60_000, height: 250, channels: 3, background: '#25a' } })
      .png()
      .toBuffer();
    const turn = (rotation: number) =>
      upload({ image: dataUrl(line), crop: { x: 0, y: 0, width: 250, height: 250, rotation } });
    const { status, body } = await turn(45);
    expect([status, body.error.details[0]]).toMatchObject([400, { field: 'crop.rotation', rule: 'too_large' }]);
    expect((await turn(-90)).status).toBe(201);
  });

  it('takes the fields in any order, with other blanks, a whole picture without a crop', async () => {
    const text = `{ "size" : 3, "fileName": "\\"image\\": \\"data:image/png;base64,AAAA", \n "image" : "${dataUrl(await picture('png'))}" , "crop":null}`;
    expect((await upload(text)).status).toBe(201);
  });

  it('takes 8 MiB, far more than other routes', async () => {
    const noise = await sharp(Buffer.from(Array.from({ length: 1500 * 1500 * 3 }, () => Math.random() * 256)), {
      raw: { width: 1500, height: 1500, channels: 3 },
    })
      .png({ compressionLevel: 0 })
      .toBuffer();
    expect(noise.length).toBeGreaterThan(6 * 1024 * 1024);
    expect((await upload({ image: dataUrl(noise) })).status).toBe(201);
    expect((await upload({ image: dataUrl(Buffer.alloc(9 * 1024 * 1024)) })).status).toBe(413);
  });

  it.each<[string, object | string, number, string, string | null]>([
    ['no data URL', { image: 'https://example.com/me.png' }, 400, 'validation_failed', 'image'],
    ['another type of data', { image: 'data:text/html;base64,AAAA' }, 400, 'validation_failed', 'image'],
    ['no base64', { image: 'data:image/png;base64,a*b' }, 400, 'validation_failed', 'image'],
    ['no picture in it', { image: 'data:image/png;base64,' }, 400, 'validation_failed', 'image'],
    ['no image', { size: 1 }, 400, 'validation_failed', 'image'],
    [
      'too much beside it',
      { image: 'data:image/png;base64,AAAA', fileName: 'x'.repeat(5000) },
      413,
      'payload_too_large',
      null,
    ],
    ['an unknown field', { image: 'data:image/png;base64,AAAA', role: 'admin' }, 400, 'validation_failed', 'role'],
    [
      'a crop without a size',
      { image: 'data:image/png;base64,AAAA', crop: { x: 0, y: 0 } },
      400,
      'validation_failed',
      'crop.width',
    ],
    [
      'a crop in pixels that is not whole',
      { image: 'data:image/png;base64,AAAA', crop: { x: 0.5, y: 0, width: 60, height: 40 } },
      400,
      'validation_failed',
      'crop.x',
    ],
    [
      'a crop in pixels that begins outside',
      { image: 'data:image/png;base64,AAAA', crop: { x: 0, y: -1, width: 60, height: 40 } },
      400,
      'validation_failed',
      'crop.y',
    ],
    ['a crop in a list', { image: 'data:image/png;base64,AAAA', crop: [{ x: 0 }] }, 400, 'validation_failed', 'crop'],
    ['a crop in an empty list', { image: 'data:image/png;base64,AAAA', crop: [] }, 400, 'validation_failed', 'crop'],
    ['no JSON', '{"image":"data:image/png;base64,AAAA"', 400, 'invalid_json', null],
    ['bytes that are no picture', { image: 'data:image/png;base64,AAAA' }, 415, 'unsupported_media_type', 'file'],
    ['a type that is not taken', { image: 'data:image/svg;base64,AAAA' }, 415, 'unsupported_media_type', 'file'],
  ])('is refused: %s', async (_, body, status, type, field) => {
    const answer = await upload(body);
    const [detail = { field: null }] = answer.body.error.details;
    expect([answer.status, answer.body.error.type, detail.field]).toEqual([status, type, field]);
  });

  it('is refused where its type is none of ALLOWED_EXTENSIONS, like a file; `jpeg` is `jpg` too', async () => {
    const strict = await TestApp.start({ ALLOWED_EXTENSIONS: 'jpg,png' });
    const { access: token } = await strict.member();
    const answers: Answer[] = [];
    for (const format of ['gif', 'jpeg', 'png'] as const) {
      const body = { image: dataUrl(await picture(format), format) };
      answers.push(await strict.request('POST', '/profile/avatar', { token, body }));
    }
    await strict.stop();
    expect(answers.map(({ status }) => status)).toEqual([415, 201, 201]);
    expect(answers[0]!.body.error.details[0].message).toBe('file must be one of jpg, png');
  });

  it('is refused with a crop beyond the picture, another content type, and without a token', async () => {
    const image = dataUrl(await halves());
    const beyond = await upload({ image, crop: { x: 150, y: 0, width: 60, height: 50 } });
    expect([beyond.status, beyond.body.error.details[0].field]).toEqual([400, 'crop']);
    expect((await upload({ image }, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await service.post('/profile/avatar', { image })).status).toBe(401);
    expect((await service.get('/profile', member.access)).body).not.toHaveProperty('avatarUrl');
  });
});
