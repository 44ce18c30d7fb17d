import { activity, run } from "./activity";
import { alerts } from "./alerts";
import { database, databases } from "./databases";
import { drill } from "./drills";
import { namespace, namespaces } from "./kv";
import { overview } from "./overview";
import { plan, plans } from "./plans";
import { repositories, repository } from "./repositories";
import type { Screen } from "./screen";
import { settings, settingsSection } from "./settings";
import { accessScreens } from "./settings/access";
import { restore, restored, snapshot, snapshots } from "./snapshots";
import { start } from "./start";
import { worker, workers } from "./workers";

/** Every screen, one line per noun; those with an icon make the rail, in this order. */
export const SCREENS: readonly Screen[] = [
  overview,
  ...[databases, database],
  ...[workers, worker],
  ...[namespaces, namespace],
  ...[snapshots, snapshot, restore, restored, drill],
  ...[plans, plan],
  ...[repositories, repository],
  ...[activity, run],
  alerts,
  ...[settings, settingsSection],
  ...accessScreens,
  start,
];
