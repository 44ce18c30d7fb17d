import { queryOptions, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type EnvironmentOut, environmentList, type ProjectOut, projectList } from "@/api";
import { useAddress } from "./address";
import { data } from "./api";
import { queries } from "./query";
import { parseSearch } from "./search";
import { useCan } from "./session";
import { recall, remember } from "./store";

const projects = queryOptions({
  queryKey: ["projects"],
  queryFn: async () => (await data(projectList({ query: { limit: 200 } }))).items,
});

const environments = (project: string) =>
  queryOptions({
    queryKey: ["projects", project, "environments"],
    queryFn: async () => (await data(environmentList({ path: { project_id: project }, query: { limit: 200 } }))).items,
    enabled: project !== "",
  });

const NONE: never[] = [];

const chosen = (all: readonly ProjectOut[], named: string | undefined) =>
  all.find(({ name }) => name === (named ?? recall("project", ""))) ?? all[0] ?? null;

/** What `useScope` asks for, while the page is still to be drawn. What fails is asked for again there. */
export async function readScope(): Promise<void> {
  await queries.prefetchQuery(projects);
  const project = chosen(queries.getQueryData(projects.queryKey) ?? [], parseSearch(location.search).project);
  if (project) await queries.prefetchQuery(environments(project.id));
}

export interface Scope {
  projects: readonly ProjectOut[];
  environments: readonly EnvironmentOut[];
  project: ProjectOut | null;
  /** null: all of the project's. */
  environment: EnvironmentOut | null;
  /** For lists of the API. */
  filter: { project_id?: string; environment_id?: string };
  isLoading: boolean;
  choose: (project: string | null, environment: string | null) => void;
}

/** Where one is, as the address says it: the project's and the environment's names. Else the last one chosen, else the first. */
export function useScope(): Scope {
  const [search, set] = useAddress();
  const can = useCan();
  const { data: all = NONE, isLoading } = useQuery({ ...projects, enabled: can("project.read") });
  const project = chosen(all, search.project);
  const { data: inside = NONE, isLoading: isLooking } = useQuery(environments(project?.id ?? ""));
  const environment = inside.find(({ name }) => name === search.env) ?? null;
  const projectId = all.length > 1 ? project?.id : undefined;
  const environmentId = environment?.id;
  return {
    projects: all,
    environments: inside,
    project,
    environment,
    filter: useMemo(
      () => ({ ...(projectId && { project_id: projectId }), ...(environmentId && { environment_id: environmentId }) }),
      [projectId, environmentId],
    ),
    isLoading: isLoading || isLooking,
    choose: (name, env) => {
      if (name) remember("project", name);
      set({ project: name ?? undefined, env: env ?? undefined }, true);
    },
  };
}
