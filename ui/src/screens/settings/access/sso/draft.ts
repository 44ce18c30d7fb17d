import type { ProviderChangeWritable, ProviderInWritable, ProviderOut } from "@/api";

export interface Rule {
  /** Of the form, so that a line keeps its fields when one above it goes. */
  id: string;
  group: string;
  role: string;
  project: string;
  environment: string;
}

export interface Draft {
  name: string;
  issuer: string;
  client: string;
  secret: string;
  scopes: string;
  domains: string;
  claim: string;
  rules: readonly Rule[];
  createAccounts: boolean;
  enabled: boolean;
  trust: boolean;
  private: boolean;
}

export const SWITCHES = ["enabled", "createAccounts", "trust", "private"] as const;

let lines = 0;

export function line(rule: Partial<Rule> = {}): Rule {
  lines += 1;
  return { group: "", role: "viewer", project: "", environment: "", ...rule, id: `line-${lines}` };
}

export function draftOf(provider?: ProviderOut): Draft {
  return {
    name: provider?.name ?? "",
    issuer: provider?.issuer ?? "",
    client: provider?.client_id ?? "",
    secret: "",
    scopes: (provider?.scopes ?? ["openid", "email", "profile"]).join(" "),
    domains: provider?.allowed_domains.join(", ") ?? "",
    claim: provider?.group_claim ?? "groups",
    rules: (provider?.mapping ?? []).map((each) =>
      line({
        group: each.group,
        role: each.role,
        project: each.project_id ?? "",
        environment: each.environment_id ?? "",
      }),
    ),
    createAccounts: provider?.create_accounts ?? false,
    enabled: provider?.enabled ?? true,
    trust: provider?.trust_factors ?? false,
    private: provider?.allow_private ?? false,
  };
}

export function split(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** What may be changed later; an empty secret is left out, so that the present one stays. */
export function changeOf(draft: Draft): ProviderChangeWritable {
  return {
    name: draft.name.trim(),
    client_id: draft.client.trim(),
    scopes: split(draft.scopes),
    allowed_domains: split(draft.domains),
    group_claim: draft.claim.trim(),
    mapping: draft.rules.map(({ group, role, project, environment }) => ({
      group,
      role,
      project_id: project || null,
      environment_id: environment || null,
    })),
    create_accounts: draft.createAccounts,
    enabled: draft.enabled,
    trust_factors: draft.trust,
    allow_private: draft.private,
    ...(draft.secret && { client_secret: draft.secret }),
  };
}

export function bodyOf(draft: Draft): ProviderInWritable {
  return { ...changeOf(draft), issuer: draft.issuer.trim() } as ProviderInWritable;
}
