import { ExternalLink } from "lucide-react";
import { useTranslation } from "react-i18next";

interface Props {
  worker: string;
  /** Else what takes most requests. */
  version?: string;
}

/** The routes that a version declares, as a page and as an OpenAPI document, each in a tab of its own. */
export function OpenapiLinks({ worker, version }: Props) {
  const { t } = useTranslation();
  const at = `/api/v1/workers/${worker}/openapi`;
  const of = version ? `version_id=${version}` : "";
  return (
    <span className="flex flex-wrap gap-x-4 gap-y-1">
      <Tab href={`${at}?${[of, "html=true"].filter(Boolean).join("&")}`} text={t("workers:openapiPage")} />
      <Tab href={of ? `${at}?${of}` : at} text={t("workers:openapiDocument")} />
    </span>
  );
}

/** Where a FastAPI worker makes its own: Holdfast's has what holdfast.routes declares, and no more. */
export function OpenapiOwn({ address }: { address: string }) {
  const { t } = useTranslation();
  return (
    <span className="flex flex-wrap gap-x-4 gap-y-1">
      <span className="text-muted">{t("workers:openapiOwn")}</span>
      {["/docs", "/openapi.json"].map((path) => (
        <Tab key={path} href={address + path} text={path} />
      ))}
    </span>
  );
}

function Tab({ href, text }: { href: string; text: string }) {
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer"
      className="inline-flex items-center gap-1 text-accent-text hover:underline"
    >
      {text}
      <ExternalLink className="size-3.5 shrink-0" aria-hidden />
    </a>
  );
}
