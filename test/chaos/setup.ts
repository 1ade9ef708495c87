import { Redis } from 'ioredis';
import { withDatabase } from './checks/database.js';
import type { Call, Gateway } from './gateway.js';
import type { Stage } from './stage.js';

const ADMIN = { name: 'The Administrator', email: 'admin@chaos.example', password: 'correct horse battery staple' };

/** A signed-in administrator. The role is set by SQL before anything is cached. */
export async function createAdmin(gateway: Gateway, stage: Stage): Promise<string> {
  const ask = async (call: Call, status: number) => {
    const { outcome, body } = await gateway.once(call, 0);
    if (outcome !== status) throw new Error(`${call.operation} answered ${outcome}: ${JSON.stringify(body)}`);
    return body;
  };
  await ask({ operation: 'register', method: 'POST', path: '/auth/register', body: ADMIN }, 201);
  await withDatabase(stage.direct.postgres, (client) =>
    client.query(`UPDATE users SET role = 'admin' WHERE email = $1`, [ADMIN.email]),
  );
  const redis = new Redis(stage.direct.redis);
  await redis.flushall();
  redis.disconnect();
  const { email, password } = ADMIN;
  const { access_token } = await ask(
    { operation: 'log in', method: 'POST', path: '/auth/login', body: { email, password } },
    200,
  );
  return access_token as string;
}
