/** A value of somebody's data: always text, never markup. NULL is told from "" and from the word. */
export function Cell({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <span className="text-faint italic">NULL</span>;
  if (value === "") return <span className="text-faint">""</span>;
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return (
    <span title={text.length > 24 ? text.slice(0, 2000) : undefined} className="font-normal">
      {text.slice(0, 400)}
    </span>
  );
}
