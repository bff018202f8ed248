import express from 'express';
import * as library from 'express-mcp-auth';
import serve from './serve.cjs';

await serve(express, library);
