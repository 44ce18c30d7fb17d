import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { SCREENS } from "@/screens";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";
import { parseSearch, stringifySearch } from "./search";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const routes = SCREENS.map((screen) =>
  createRoute({
    getParentRoute: () => root,
    path: screen.path,
    component: lazyRouteComponent(screen.load),
    staticData: { screen },
  }),
);

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: "intent",
  defaultNotFoundComponent: NotFound,
  scrollRestoration: false,
  parseSearch,
  stringifySearch,
});
