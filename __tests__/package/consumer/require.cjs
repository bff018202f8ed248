require('./serve.cjs')(require('express'), require('express-mcp-auth'));
