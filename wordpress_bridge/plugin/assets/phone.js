/* The profile page: a member confirms a number with a code. */
( function () {
	var box = document.getElementById( 'relance-profile' );
	if ( ! box ) {
		return;
	}
	box.addEventListener( 'click', function ( event ) {
		var step = event.target.dataset && event.target.dataset.step;
		if ( ! step ) {
			return;
		}
		event.target.disabled = true;
		fetch( box.dataset[ step ], {
			method: 'POST',
			credentials: 'same-origin',
			headers: { 'Content-Type': 'application/json', 'X-WP-Nonce': box.dataset.nonce },
			body: JSON.stringify( {
				phone: document.getElementById( 'relance-phone' ).value,
				code: document.getElementById( 'relance-code' ).value,
			} ),
		} )
			.then( function ( answer ) {
				return answer.json();
			} )
			.then( function ( answer ) {
				box.querySelector( '.description' ).textContent = answer.words || answer.message || '';
				box.querySelector( 'span' ).hidden = answer.step !== 'code' && answer.step !== 'wrong';
			} )
			.finally( function () {
				event.target.disabled = false;
			} );
	} );
} )();
