// The link's secret leaves the address bar and the history.
history.replaceState(null, "", location.pathname);
