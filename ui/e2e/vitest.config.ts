import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { FailedList } from "./kit/failed";

// One configuration for all that drives a browser: the tests, the pictures, the measurements.
const what = process.env.HOLDFAST_E2E ?? "tests";
const include = { tests: ["e2e/**/*.e2e.ts"], screens: ["e2e/screens.ts"], bench: ["e2e/bench.ts"] }[what];
if (!include) throw new Error(`HOLDFAST_E2E is tests, screens or bench, not ${what}`);

/** The walk over all pages takes longer than any other file: begun last it would end alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const last = (file: TestSpecification) => Number(!file.moduleId.endsWith("/pages.e2e.ts"));
    return (await super.sort(files)).sort((one, other) => last(one) - last(other));
  }
}

export default defineConfig({
  test: {
    environment: "node",
    include,
    maxWorkers: what === "tests" ? 3 : 1, // a browser waits for its server more than it works
    maxConcurrency: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: what === "tests" ? 90_000 : 1_200_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: what !== "tests",
    retry: 0, // tools/suite.py tries again, and says so
    reporters: ["default", new FailedList()],
  },
});
