import { appendFileSync } from "node:fs";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

const words = (errors: Iterable<{ message: string }>) => [...errors].map(({ message }) => message).join("\n");

/** Which tests failed and what they said, as lines of JSON in the file HOLDFAST_FAILED_LIST names: see tools/suite.py. */
export class FailedList implements Reporter {
  constructor(private readonly file = process.env.HOLDFAST_FAILED_LIST) {}

  onTestRunEnd(modules: readonly TestModule[], outside: readonly SerializedError[]): void {
    for (const each of modules) {
      if (each.errors().length) this.tell(each.relativeModuleId, words(each.errors()));
      for (const suite of each.children.allSuites())
        if (suite.errors().length) this.tell(`${each.relativeModuleId} > ${suite.fullName}`, words(suite.errors()));
      for (const test of each.children.allTests("failed"))
        this.tell(`${each.relativeModuleId} > ${test.fullName}`, words(test.result().errors ?? []));
    }
    for (const error of outside) this.tell("", `an error outside every test: ${error.message}`);
  }

  private tell(test: string, said: string): void {
    if (this.file) appendFileSync(this.file, `${JSON.stringify({ test, said })}\n`);
  }
}
