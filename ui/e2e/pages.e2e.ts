// Half of all pages; the other half is in pages-more.e2e.ts, beside it on the other worker.
import { walk } from "./kit/walk";

walk(0, 2);
