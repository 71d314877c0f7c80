"""Shows as files that play without this program."""
