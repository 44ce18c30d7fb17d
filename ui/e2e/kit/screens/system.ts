import type { House, Shown } from ".";

/** Settings of projects and of the system, each with something on it. */
export async function system({ api, environment }: House): Promise<Shown[]> {
  const project = `/projects/${environment.project_id}`;
  for (const [name, value] of [
    ["SMTP_PASSWORD", "correct horse"],
    ["stripe.key", "battery staple"],
  ])
    await api.call("PUT", `/environments/${environment.id}/secrets/${name}`, { value });
  await api.call("PUT", `${project}/tags`, { name: "release", colour: "green", description: "Went out to customers" });
  await api.call("PUT", `${project}/tag-rules/nightly`, {
    tags: ["nightly"],
    conditions: { triggers: ["schedule"], pattern: "shop*" },
  });
  await api.call("PUT", `${project}/retention`, {
    policy: { daily: 14, weekly: 8, monthly: 12, minimum: 3, tags: ["release"] },
    tz: "Europe/Berlin",
  });
  await api.post(`${project}/masking-profiles`, {
    name: "customers",
    engine: "sqlite",
    description: "No names, no addresses",
    statements: [`UPDATE "customers" SET "name" = 'someone'`],
  });
  await api.call("PUT", "/limits", {
    subject: "project",
    subject_id: environment.project_id,
    what: "storage",
    amount: 5 * 1024 ** 3,
  });
  await api.post("/system/recovery-kit", { passphrase: "correct horse battery staple" });
  return ["projects", "secrets", "tags", "retention", "masking", "files"]
    .concat(["engines", "health", "metrics", "limits", "recovery", "keys-and-links"])
    .map((section) => ({ name: `settings-${section}`, path: `/settings/${section}` }));
}
