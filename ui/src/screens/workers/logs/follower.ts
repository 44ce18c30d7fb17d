const AGAIN_MS = 3000;

/**
 * Asks for what is new whenever it is told that there may be something: one question at a time, none while it does not
 * follow. What it was told meanwhile is asked for afterwards, and what failed is asked again.
 */
export class Follower {
  private isNews = false;
  private isAsking = false;
  private isOver = false;
  private follows = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `ask` says whether there is more already. */
  constructor(
    private readonly ask: () => Promise<boolean>,
    private readonly failed: (error: unknown) => void,
  ) {}

  follow(on: boolean): void {
    this.follows = on;
    void this.run();
  }

  tell(): void {
    this.isNews = true;
    void this.run();
  }

  end(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private get isDue(): boolean {
    return this.isNews && this.follows && !this.isOver;
  }

  private async run(): Promise<void> {
    if (this.isAsking || !this.isDue) return;
    this.isAsking = true;
    clearTimeout(this.timer);
    try {
      while (this.isDue) {
        this.isNews = false;
        if (await this.ask()) this.isNews = true;
      }
    } catch (error) {
      if (this.isOver) return;
      this.failed(error);
      this.timer = setTimeout(() => this.tell(), AGAIN_MS);
    } finally {
      this.isAsking = false;
    }
  }
}
