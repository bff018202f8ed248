/** The text of `--help`. */
export const usage = `Usage: express-mcp-auth <command> ...

  doctor [URL] [--config FILE]             looks at a deployment, or at options, as real clients do
  import zuplo POLICIES [ROUTES] [--out FILE] [--force]
                                           writes a config file of Zuplo's policies.json and routes.oas.json
  import clients CLIENTS --config FILE [--auth-method METHOD] [--json]
                                           registers the clients of another server under their ids
  migrate --config FILE                    creates or updates the tables of the configured storage
  keys rotate --config FILE                publishes a new signing key; it signs after ten minutes
  keys reencrypt --config FILE             encrypts with the current secret what still is with a previous one

Everywhere:
  --config FILE  module whose default export are the options of mcpOAuth()
  --origin URL   which issuer, where the options have origins instead of issuer
  --help

doctor URL, of an MCP endpoint (best) or of an issuer:
  --json                            one JSON document instead of lines
  --strict                          warnings count as findings, too
  --only ID,ID                      these checks alone
  --ca FILE                         certificate authority in PEM, instead of the system's
  --token-file FILE                 an access token, to look at event streams
  --tool NAME                       a tool that sends progress: called with the token, to see whether it comes at once
  --tool-arguments JSON             its arguments ({})
  --initial-access-token-file FILE  what registration requests must carry
  --web-origin URL                  origin of a page that calls the MCP endpoint
  --client-document URL             a metadata document to fetch; may be repeated
  --latency-ms N                    budget of each answer's first byte (3000)
  --timeout-ms N                    limit of one request (15000)
  Exit code: 0 sound, 1 findings, 2 could not run.

The others end with 0 done, 1 failed or something was refused, 2 not understood.`;
