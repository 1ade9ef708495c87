/** A value that is read at most once per lifetime and shared by all callers. A failure is not kept. */
export class ExpiringValue<T> {
  private value: Promise<T> | undefined;
  private expiresAt = 0;

  constructor(
    private readonly lifetimeMs: number,
    private readonly read: () => Promise<T>,
  ) {}

  get(): Promise<T> {
    if (!this.value || Date.now() > this.expiresAt) {
      this.expiresAt = Date.now() + this.lifetimeMs;
      this.value = this.read().catch((error: unknown) => {
        this.value = undefined;
        throw error;
      });
    }
    return this.value;
  }
}
