// The other half of all pages.
import { walk } from "./kit/walk";

walk(1, 2);
