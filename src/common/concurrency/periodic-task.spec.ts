import { PeriodicTask } from './periodic-task.js';
import type { Logger } from '../logging/logger.js';

describe('PeriodicTask', () => {
  it('logs consecutive failures once', async () => {
    const warn = jest.fn();
    let broken = true;
    const work = async () => {
      if (broken) throw new Error('the database takes no writes');
    };
    const rounds = new PeriodicTask(60_000, { warn } as unknown as Logger, 'work failed', work);
    for (let round = 0; round < 3; round += 1) await rounds.runNow();
    expect(warn).toHaveBeenCalledTimes(1);
    broken = false;
    await rounds.runNow();
    broken = true;
    for (let round = 0; round < 3; round += 1) await rounds.runNow();
    expect(warn).toHaveBeenCalledTimes(2);
  });
});
