// Every page there is, on one server that has a little of everything: the owner walks them, and a viewer does.
import { beforeAll, describe, test } from "vitest";
import { Api } from "./kit/api";
import { house } from "./kit/browser";
import { furnished, type Shown } from "./kit/screens";
import { viewed } from "./kit/viewer";
import { walk } from "./kit/walk";

const WALK_MS = 900_000;
const here = house();
let screens: Shown[] = [];
let viewer: Api;

beforeAll(async () => {
  screens = await furnished(here.api);
  viewer = await Api.person(here.server, here.api, "viewer@example.org", "viewer");
}, 180_000);

// Side by side, at most two (vitest.config.ts): while one waits for its page to be quiet the other works.
describe.concurrent("few calls, nothing refused, axe finds nothing in any theme", () => {
  for (const share of [0, 1])
    test(`pages ${share + 1}/2`, { timeout: WALK_MS }, () =>
      walk(
        here,
        screens.filter((_, at) => at % 2 === share),
      ),
    );
  test("nothing on any screen is offered to a viewer that the server would refuse", { timeout: WALK_MS }, () =>
    viewed(here, viewer, screens),
  );
});
