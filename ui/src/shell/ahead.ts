import { queries } from "./query";
import { router } from "./router";
import { readScope } from "./scope";
import { session } from "./session";

/** Asked for before anything is drawn: who is signed in, the screen's script, and then where one is. */
export function ahead(): void {
  void router.preloadRoute({ to: location.pathname } as never).catch(() => {
    // The router asks for it again, and says what is wrong.
  });
  queries.fetchQuery(session).then(
    (who) => {
      if (!who.must_enrol) void readScope();
    },
    () => {
      // Nobody is signed in, or the server is away: the door says which.
    },
  );
}
