<?php
/**
 * A code by text message as one of the Two-Factor plugin's second factors. Loaded by that plugin alone.
 *
 * @package Relance
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Asks for the code on the Two-Factor plugin's page, which itself counts wrong attempts.
 */
class Relance_Two_Factor extends Two_Factor_Provider {

	/**
	 * The one object of it.
	 *
	 * @return Relance_Two_Factor
	 */
	public static function get_instance() {
		static $one = null;
		if ( null === $one ) {
			$one = new self();
		}
		return $one;
	}

	/**
	 * Its name.
	 *
	 * @return string
	 */
	public function get_label() {
		return __( 'Text message (Relance)', 'relance' );
	}

	/**
	 * Only a confirmed number counts.
	 *
	 * @param WP_User $user The user.
	 * @return bool
	 */
	public function is_available_for_user( $user ) {
		return (bool) get_user_meta( $user->ID, 'relance_verified', true );
	}

	/**
	 * Sends a code, unless one is under way, and asks for it.
	 *
	 * @param WP_User $user The user.
	 */
	public function authentication_page( $user ) {
		if ( ! $user ) {
			return;
		}
		if ( ! get_transient( 'relance_factor_' . $user->ID ) && ! Relance_Store::too_many( 'login', (string) $user->ID, 5, HOUR_IN_SECONDS ) ) {
			$sent = Relance_Login::send_code( (string) get_user_meta( $user->ID, 'relance_phone', true ), 'login' );
			if ( is_array( $sent ) ) {
				set_transient( 'relance_factor_' . $user->ID, $sent[0], Relance_Login::LIVES );
			}
		}
		?>
		<p><label for="relance_code"><?php esc_html_e( 'The code we have just sent you', 'relance' ); ?></label>
		<input type="text" name="relance_code" id="relance_code" class="input" inputmode="numeric" autocomplete="one-time-code"></p>
		<?php
		submit_button( __( 'Log in', 'relance' ) );
	}

	/**
	 * Whether the code is right.
	 *
	 * @param WP_User $user The user.
	 * @return bool
	 */
	public function validate_authentication( $user ) {
		// phpcs:ignore WordPress.Security.NonceVerification.Missing -- the Two-Factor plugin has checked its own.
		$code  = isset( $_POST['relance_code'] ) ? sanitize_text_field( wp_unslash( $_POST['relance_code'] ) ) : '';
		$right = Relance_Login::is_right( (string) get_transient( 'relance_factor_' . $user->ID ), $code );
		if ( $right ) {
			delete_transient( 'relance_factor_' . $user->ID );
		}
		return $right;
	}
}
