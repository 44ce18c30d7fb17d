import type { Json } from "../api";
import type { House, Shown } from ".";

/** People with and without an account yet, a role of one's own, roles given in places, keys, an identity provider. */
export async function access({ api, environment, shop }: House): Promise<Shown[]> {
  const person = await member(api, "ada@example.org", "Ada Lovelace");
  await member(api, "grace@example.org", "Grace Hopper");
  await api.post("/invites", { email: "linus@example.org", role: "viewer" });
  const role = await api.post("/roles", {
    name: "restorer",
    description: "Brings back what was lost",
    permissions: ["database.read", "project.read", "environment.read", "run.read", "snapshot.read", "snapshot.restore"],
  });
  const place = { project_id: environment.project_id, environment_id: environment.id };
  await api.post("/grants", { role: "viewer", user_id: person.id, project_id: environment.project_id });
  await api.post("/grants", { role: "restorer", user_id: person.id, ...place });
  const soon = new Date(Date.now() + 5 * 86_400_000).toISOString();
  await api.post("/keys", { name: "nightly-report", role: "viewer", resources: [shop.id], expires_at: soon });
  const key = await api.post("/keys", { name: "ci", role: "operator", projects: [environment.project_id] });
  const provider = await api.post("/sso/providers", {
    name: "Company",
    issuer: "https://id.example.org",
    client_id: "holdfast",
    client_secret: "s3cret",
    allowed_domains: ["example.org"],
    mapping: [{ group: "developers", role: "developer", project_id: environment.project_id }],
  });
  return [
    { name: "account", path: "/settings/account" },
    { name: "second-factor", path: "/settings/second-factor" },
    { name: "people", path: "/settings/people" },
    { name: "invites", path: "/settings/people?tab=invites" },
    { name: "person", path: `/settings/people/${person.id}` },
    { name: "person-sessions", path: `/settings/people/${person.id}?tab=sessions` },
    { name: "person-activity", path: `/settings/people/${person.id}?tab=activity` },
    { name: "roles", path: "/settings/roles" },
    { name: "grants", path: "/settings/roles?tab=who" },
    { name: "role", path: `/settings/roles/${role.id}` },
    { name: "keys", path: "/settings/keys" },
    { name: "key", path: `/settings/keys/${key.id}` },
    { name: "single-sign-on", path: "/settings/sign-in" },
    { name: "provider", path: `/settings/sign-in/${provider.id}` },
    { name: "second-factor-policy", path: "/settings/sign-in?tab=factor" },
    { name: "token-keys", path: "/settings/sign-in?tab=keys" },
  ];
}

async function member(api: House["api"], email: string, name: string): Promise<Json> {
  const { link } = await api.post("/invites", { email });
  const token = String(link).split("#invite=")[1];
  return api.stranger("/invites/accept", { token, name, password: "correct horse battery staple" });
}
