import { parseForeignHash } from './foreign-hashes.js';

/** Of this password, by the software named, at its lowest cost. */
const PASSWORD = 'correct hörse battery';
const HASHES: [maker: string, hash: string][] = [
  ['Django pbkdf2_sha256', 'pbkdf2_sha256$1000$saltysalt$yI8CiLENYd8ww85PNM0ZTMeRI9LAd9cmQF7ynw+G20I='],
  ['Django pbkdf2_sha1', 'pbkdf2_sha1$1000$saltysalt$yh1KI2k4vcAMpiIpIsskv547MAE='],
  [
    'Django argon2',
    'argon2$argon2id$v=19$m=1024,t=1,p=8$c2FsdHlzYWx0MTIzNDU2Nzg$DQ+pzHQZ07HYio6E4h0d8mYxFF6PFZg223wihvz3cbQ',
  ],
  ['Django bcrypt_sha256', 'bcrypt_sha256$$2b$04$CGC9nrvfDzDaz7h4WbujGeVQNV6sE7dkHdGL2HEYwo6qSWq1K4YiW'],
  ['Django bcrypt', 'bcrypt$$2b$04$QYWOgkMSuad3RwuFYU6oeewZEfaTOEQ58aSKJlqxFNwNOHPD.U7fO'],
  [
    'Django scrypt',
    'scrypt$1024$saltysalt$8$5$gMOCd0UmtBA8qLOfZ6fCytIyu7cbtIQkQYtaxlxS7lWw7o/ni45xGuG1GfGFvMIsqP6cAj2h01g0hOznWnP/xw==',
  ],
  ['passlib pbkdf2_sha256', '$pbkdf2-sha256$1000$3JsTAoCQ0roXgtD637v3/g$.eiHW7kWNEM37YWM8U74Fpy25TtozjbIRdXfww5N0o8'],
  [
    'passlib pbkdf2_sha512',
    '$pbkdf2-sha512$1000$bu3dO2dM6T1HiDHGmBPifA$FKienw7zxRdMNYtG8X8DsmMzuD2wF4ksfGN0J1u5ES21EZZwHfcQ8FY5Kt.D16tZKKMuaxgBP5vdv8nYxOEV.Q',
  ],
  ['passlib pbkdf2_sha1', '$pbkdf2$1000$w1jLOUdoLWXsXeu9V2otZQ$/9cFNNQi5Grm2scjhPBVziUJU1M'],
  ['passlib scrypt', '$scrypt$ln=10,r=8,p=1$mbN2jtHau9e69/5fC6E05g$OrpIVVjUVI84Sx28+SleLbVGvb0Ov4z8Vd+ugMUcl0E'],
  ['passlib bcrypt_sha256', '$bcrypt-sha256$v=2,t=2b,r=4$PZeZdR20kjfe.ZzHSBJKju$buQfDKfD8VKuuL6FdwgusTzj7FORl3K'],
  [
    'passlib argon2',
    '$argon2id$v=19$m=1024,t=1,p=2$Raj1/p/TujcGQEhpbQ3hfA$dX7Z0YZ/gss6jEhiYp8kI+bW42mlHOK2qgg49P5Zmf0',
  ],
  ['passlib bcrypt 2a', '$2a$04$.APv2M.ZmlU/w9R6MG06e.pRwjyASHMu.cTKAGggun0frHNa0cwv.'],
  ['bcrypt 2y', '$2y$04$RjMp9l06yyn6iMwRHibPoOwqcMz44g7xGkOfruFgW0rg6dUs1dqYm'],
  ['bcrypt 2b', '$2b$04$Wnzb4C1tPic7ncfu317yoemErkbKA4QjwOZAA64wUMPVMl9wNAMEG'],
  ['argon2-cffi I', '$argon2i$v=19$m=1024,t=1,p=1$PH1tjmdp5/6NixMi6YtmoA$pUtzlvfB78Tp+ptMunnQS4+syyOu6b10id9g2vvcYPg'],
  ['argon2-cffi D', '$argon2d$v=19$m=1024,t=1,p=1$nIEipQdudV+YKkO3qplVbw$H4pYkafmXuBIUa7j84nl00aKXb05RM8VSbcMhlDDQOI'],
  [
    'argon2-cffi ID',
    '$argon2id$v=19$m=1024,t=1,p=1$UozReQCJkRji70TNXKmBEg$R1GDBzU4beLj6X85le/AZZQ/678woAa8p5XiJupejNA',
  ],
  [
    'Werkzeug scrypt',
    'scrypt:1024:8:1$DxxyKHsHzMAVWyWw$61d5ee643aed2844a4790abb192c8dd549d60816d629dd4803ba8ffb3bbef37b3b2add6f77ac5caf8eba2e0d1a6496e4b59444aa67e2bf2eb04d121acafcc85b',
  ],
  [
    'Werkzeug pbkdf2 sha256',
    'pbkdf2:sha256:1000$lHTmz94fhDWdaeOV$f1bd79e4f6fc3f17abf5411e1ea31059139634eebdfd106369d304c708b827e8',
  ],
  [
    'Werkzeug pbkdf2 sha512',
    'pbkdf2:sha512:1000$waVq91BIdsisoT1Q$a626c4fd6426a750df14adb550b037f54818b47a328d470ea76be869487302891d56719238a5f745786156b1a48060d8a8f7794d48dd086937ca37822dd8bec6',
  ],
];
const PBKDF2_END = 'yI8CiLENYd8ww85PNM0ZTMeRI9LAd9cmQF7ynw+G20I=';
const HEX = 'ab'.repeat(64);

it.each(HASHES)('compares with a hash of %s', async (_, hash) => {
  const compare = parseForeignHash(hash)!;
  expect(await compare(PASSWORD)).toBe(true);
  expect(await compare('correct horse battery')).toBe(false);
});

it('truncates a password at 72 bytes like the software that made a bcrypt hash', async () => {
  const compare = parseForeignHash('$2b$04$9ZrNYYfhJKDRjQnEmPElRexDYCbc3cNy/dQ2ls3piaMqlfQ2wBONO')!;
  expect(await compare(`${'x'.repeat(72)}abc`)).toBe(true);
  expect(await compare(`${'x'.repeat(72)}other`)).toBe(true);
  expect(await compare('x'.repeat(71))).toBe(false);
});

it.each([
  [
    'argon2 with 4 GiB',
    '$argon2id$v=19$m=4194304,t=1,p=1$PH1tjmdp5/6NixMi6YtmoA$pUtzlvfB78Tp+ptMunnQS4+syyOu6b10id9g2vvcYPg',
  ],
  [
    'argon2 with 11 passes',
    '$argon2id$v=19$m=1024,t=11,p=1$PH1tjmdp5/6NixMi6YtmoA$pUtzlvfB78Tp+ptMunnQS4+syyOu6b10id9g2vvcYPg',
  ],
  ['scrypt with 1 GiB', `scrypt:1048576:8:1$salt$${HEX}`],
  ['scrypt with N of no power of two', `scrypt:1000:8:1$salt$${HEX}`],
  ['scrypt with 17 lanes', `scrypt:1024:8:17$salt$${HEX}`],
  ['PBKDF2 with 2,000,001 rounds', `pbkdf2_sha256$2000001$salt$${PBKDF2_END}`],
  ['PBKDF2 without rounds', `pbkdf2_sha256$0$salt$${PBKDF2_END}`],
  ['PBKDF2 with a digest of 3 bytes', 'pbkdf2_sha256$1000$salt$abcd'],
  ['bcrypt of cost 15', `$2b$15$${'a'.repeat(53)}`],
  ['bcrypt of cost 3', `$2b$03$${'a'.repeat(53)}`],
  ['bcrypt that is cut', `$2b$04$${'a'.repeat(52)}`],
  ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99'],
  ['clear text', 'securepassword'],
  ['nothing', ''],
  ['1,025 characters', `pbkdf2:sha256:1000$${'s'.repeat(1000)}$${HEX}`],
])('takes no hash of %s', (_, hash) => {
  expect(parseForeignHash(hash)).toBeNull();
});

it('answers false for a damaged argon2 hash', async () => {
  const compare = parseForeignHash('$argon2id$v=99$m=1024,t=1,p=1$AAAA$AAAA')!;
  expect(await compare(PASSWORD)).toBe(false);
});
