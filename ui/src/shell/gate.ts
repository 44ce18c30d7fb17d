import { Store } from "./store";

export type Ask = "sign-in" | "step-up";

/**
 * What calls wait at. However many calls find the session over, one dialog opens, and all of them go on together.
 * `ask` is true once the person is through, false when they closed the dialog.
 */
class Gate {
  readonly open = new Store<Ask | null>(null);
  private waiting: { ask: Ask; through: (ok: boolean) => void; whether: Promise<boolean> } | null = null;

  async ask(ask: Ask): Promise<boolean> {
    while (this.waiting) {
      const passed = await this.waiting.whether;
      if (!passed || this.waiting === null) return passed;
    }
    let through: (ok: boolean) => void = () => undefined;
    const whether = new Promise<boolean>((resolve) => {
      through = resolve;
    });
    this.waiting = { ask, through, whether };
    this.open.set(ask);
    return whether;
  }

  /** The dialog's answer. */
  settle(ok: boolean): void {
    const waiting = this.waiting;
    this.waiting = null;
    this.open.set(null);
    waiting?.through(ok);
  }
}

export const gate = new Gate();
